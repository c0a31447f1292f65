"""Every handler: made, changed, removed by calls that satisfy the services' own models."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from localaws.cloudformation.errors import ResourceFailedError
from localaws.cloudformation.resources import TYPES
from localaws.cloudformation.resources.stepfunctions import substitute
from tests.unit.localaws.cloudformation.recorder import Recorder
from tests.unit.localaws.cloudformation.samples import ANSWERS, ARN, FUNCTION, SAMPLES, TAGS


def answers(kind: str) -> dict[str, Any]:
    found = dict(ANSWERS)
    if kind == "AWS::KMS::Alias":
        return {k: v for k, v in found.items() if k not in ("CreateAlias", "UpdateAlias")}
    return found


def test_every_type_has_a_sample() -> None:
    assert set(SAMPLES) == set(TYPES)


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_made_changed_and_removed_by_valid_calls(kind: str) -> None:
    handler = TYPES[kind]
    first, second, needed = SAMPLES[kind]
    assert handler.problems(first, "Thing") == []
    recorder = Recorder(answers(kind))
    made = handler.create(recorder.at(tags={"team": "x"}), first)
    assert needed <= set(recorder.names())
    assert made.physical_id
    assert set(made.attributes) == handler.attributes
    if second is not None:
        assert handler.problems(second, "Thing") == []
        assert handler.replaces(first, second) == set()
        before = len(recorder.calls)
        changed = handler.update(recorder.at(tags={"team": "x"}), made.physical_id, first, second)
        assert changed.physical_id == made.physical_id
        assert set(changed.attributes) == handler.attributes
        assert len(recorder.calls) > before
    elif kind != "AWS::CloudFormation::WaitConditionHandle":
        assert handler.create_only == set(handler.properties)
    gone = Recorder({**answers(kind), **{name: sorted(handler.gone)[0] for name in ("DescribeTable",)}})
    if kind == "AWS::StepFunctions::StateMachine":
        gone.answers["DescribeStateMachine"] = "StateMachineDoesNotExist"
    handler.remove(gone.at(), made.physical_id, second or first)
    assert gone.calls or kind == "AWS::CloudFormation::WaitConditionHandle"


@pytest.mark.parametrize("kind", sorted(set(SAMPLES) - {"AWS::CloudFormation::WaitConditionHandle"}))
def test_an_unknown_property_is_named(kind: str) -> None:
    first, _, _ = SAMPLES[kind]
    assert TYPES[kind].problems({**first, "Bogus": 1}, "Thing") == [
        f"localaws does not implement the property Thing.Bogus of {kind}"
    ]


def test_generated_names_hold_stack_and_logical_id_and_fit() -> None:
    at = Recorder().at("PredictFunction")
    name = at.generated_name(64)
    assert name.startswith("stack-PredictFunction-")
    assert name != at.generated_name(64)
    long = Recorder().at("L" * 200)
    assert len(long.generated_name(64)) == 64
    assert long.generated_name(63, lower=True).islower()


def test_tags_of_the_stack_lie_beneath_the_resources_own() -> None:
    recorder = Recorder(ANSWERS)
    TYPES["AWS::SNS::Topic"].create(recorder.at(tags={"team": "x", "a": "0"}), {"Tags": TAGS})
    assert recorder.of("CreateTopic")["Tags"] == [{"Key": "team", "Value": "x"}, {"Key": "a", "Value": "1"}]


def test_tags_that_go_are_taken_away_and_those_that_stay_are_left_alone() -> None:
    recorder = Recorder(ANSWERS)
    old = {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}, {"Key": "c", "Value": "1"}]}
    new = {"Tags": [{"Key": "b", "Value": "1"}, {"Key": "c", "Value": "2"}]}
    TYPES["AWS::KMS::Key"].update(recorder.at(), "k", old, new)
    assert recorder.calls == [
        ("UntagResource", {"KeyId": "k", "TagKeys": ["a"]}),
        ("TagResource", {"KeyId": "k", "Tags": [{"TagKey": "c", "TagValue": "2"}]}),
    ]


def test_a_functions_settings_that_leave_the_template_go_back_to_their_defaults() -> None:
    recorder = Recorder(ANSWERS)
    base = {"Code": {"S3Bucket": "code", "S3Key": "k"}, "Role": ARN}
    old = {**base, "Environment": {"Variables": {"A": "1"}}, "Timeout": 60}
    TYPES["AWS::Lambda::Function"].update(recorder.at(), "f", old, base)
    sent = recorder.of("UpdateFunctionConfiguration")
    assert (sent["Environment"], sent["Timeout"]) == ({"Variables": {}}, 3)
    assert "UpdateFunctionCode" not in recorder.names()


def test_code_alone_changes_no_configuration() -> None:
    """A release keeps its endpoint in the environment of $LATEST: a deployment of code must not touch it."""
    recorder = Recorder(ANSWERS)
    old = {"Code": {"S3Bucket": "code", "S3Key": "k"}, "Role": ARN, "Environment": {"Variables": {"A": "1"}}}
    TYPES["AWS::Lambda::Function"].update(recorder.at(), "f", old, {**old, "Code": {"S3Bucket": "code", "S3Key": "l"}})
    assert "UpdateFunctionCode" in recorder.names()
    assert "UpdateFunctionConfiguration" not in recorder.names()


def test_inline_code_is_packed_as_index_py() -> None:
    recorder = Recorder(ANSWERS)
    TYPES["AWS::Lambda::Function"].create(recorder.at(), {"Code": {"ZipFile": "x = 1"}, "Role": ARN})
    packed = zipfile.ZipFile(io.BytesIO(recorder.of("CreateFunction")["Code"]["ZipFile"]))
    assert packed.read("index.py") == b"x = 1"


def test_a_function_that_fails_to_come_up_fails_the_stack() -> None:
    failing = {**ANSWERS, "GetFunctionConfiguration": {"State": "Failed", "StateReason": "no such layer"}}
    recorder = Recorder(failing)
    with pytest.raises(ResourceFailedError, match="no such layer"):
        TYPES["AWS::Lambda::Function"].create(recorder.at(), SAMPLES["AWS::Lambda::Function"][0])
    assert recorder.made, "what exists must be known, to be rolled back"


def test_publishing_unchanged_code_fails_as_on_aws() -> None:
    recorder = Recorder({**ANSWERS, "PublishVersion": {"Version": "1", "FunctionArn": FUNCTION}})
    with pytest.raises(ResourceFailedError, match=r"exists \( 1 \)"):
        TYPES["AWS::Lambda::Version"].create(recorder.at(), {"FunctionName": "f"})


def test_a_permission_on_an_alias_names_its_qualifier() -> None:
    recorder = Recorder(ANSWERS)
    TYPES["AWS::Lambda::Permission"].create(recorder.at(), SAMPLES["AWS::Lambda::Permission"][0])
    assert (recorder.of("AddPermission")["FunctionName"], recorder.of("AddPermission")["Qualifier"]) == (
        FUNCTION,
        "live",
    )


def test_policies_without_a_version_get_one_unless_they_have_variables() -> None:
    recorder = Recorder(ANSWERS)
    policy = TYPES["AWS::IAM::Policy"]
    policy.create(recorder.at(), {"PolicyName": "p", "Roles": ["r"], "PolicyDocument": {"Statement": []}})
    assert json.loads(recorder.of("PutRolePolicy")["PolicyDocument"])["Version"] == "2012-10-17"
    variables = {"Statement": [{"Resource": "${aws:username}"}]}
    with pytest.raises(ResourceFailedError, match="variables"):
        policy.create(recorder.at(), {"PolicyName": "p", "Roles": ["r"], "PolicyDocument": variables})


def test_indexes_change_one_at_a_time() -> None:
    recorder = Recorder(ANSWERS)
    base = {key: SAMPLES["AWS::DynamoDB::Table"][0][key] for key in ("AttributeDefinitions", "KeySchema")}
    index = SAMPLES["AWS::DynamoDB::Table"][0]["GlobalSecondaryIndexes"][0]
    old = {**base, "GlobalSecondaryIndexes": [index, {**index, "IndexName": "gone"}]}
    new = {**base, "GlobalSecondaryIndexes": [{**index, "Projection": {"ProjectionType": "KEYS_ONLY"}}]}
    TYPES["AWS::DynamoDB::Table"].update(recorder.at(), "t", old, new)
    updates = [params["GlobalSecondaryIndexUpdates"] for name, params in recorder.calls if name == "UpdateTable"]
    assert [next(iter(update[0])) for update in updates] == ["Delete", "Delete", "Create"]


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"Definition": {"StartAt": "${A}"}, "DefinitionSubstitutions": {"A": "X"}}, {"StartAt": "X"}),
        (
            {"DefinitionString": "StartAt: A\nTimeoutSeconds: ${T}\n", "DefinitionSubstitutions": {"T": 5}},
            {"StartAt": "A", "TimeoutSeconds": 5},
        ),
        (
            {
                "DefinitionS3Location": {"Bucket": "b", "Key": "k.asl.yaml"},
                "DefinitionSubstitutions": {"A": True},
            },
            {"StartAt": "true", "Comment": "{% $x %}"},
        ),
    ],
)
def test_definitions_from_everywhere_become_json(properties: dict[str, Any], expected: Any) -> None:
    stored = io.BytesIO(b'StartAt: "${A}"\nComment: "{% $x %}"\n')
    recorder = Recorder({**ANSWERS, "GetObject": {"Body": stored}})
    TYPES["AWS::StepFunctions::StateMachine"].create(recorder.at(), {**properties, "RoleArn": ARN})
    assert json.loads(recorder.of("CreateStateMachine")["definition"]) == expected


def test_a_placeholder_without_a_substitution_is_named() -> None:
    with pytest.raises(ResourceFailedError, match=r"\['B', 'C'\]"):
        substitute('{"a": "${A} ${C} ${B}"}', {"A": 1})


@pytest.mark.parametrize("definition", [{}, {"Definition": {}, "DefinitionString": "{}"}])
def test_exactly_one_definition(definition: dict[str, Any]) -> None:
    with pytest.raises(ResourceFailedError, match="exactly one"):
        TYPES["AWS::StepFunctions::StateMachine"].create(Recorder(ANSWERS).at(), {**definition, "RoleArn": ARN})


def test_refused_targets_fail_the_rule() -> None:
    recorder = Recorder({"PutTargets": {"FailedEntries": [{"TargetId": "t", "ErrorCode": "X"}]}})
    with pytest.raises(ResourceFailedError, match="refused"):
        TYPES["AWS::Events::Rule"].create(recorder.at(), SAMPLES["AWS::Events::Rule"][0])


def test_removing_what_is_gone_is_fine_but_other_errors_are_not() -> None:
    TYPES["AWS::S3::Bucket"].remove(Recorder({"DeleteBucket": "NoSuchBucket"}).at(), "b", {})
    with pytest.raises(Exception, match="BucketNotEmpty"):
        TYPES["AWS::S3::Bucket"].remove(Recorder({"DeleteBucket": "BucketNotEmpty"}).at(), "b", {})


def test_a_keys_kind_cannot_change() -> None:
    """AWS fails such an update rather than lose a key to a replacement."""
    with pytest.raises(ResourceFailedError, match="KeySpec"):
        TYPES["AWS::KMS::Key"].update(Recorder(ANSWERS).at(), "k", {}, {"KeySpec": "RSA_2048"})
