"""Which AppSpecs are taken, and what is said of those that aren't."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from localaws.codedeploy.appspec import from_revision, parse
from localaws.errors import AwsError, NotModelledError

PROPERTIES = {"Name": "predict", "Alias": "live", "CurrentVersion": "3", "TargetVersion": "4"}


def document(**changes: Any) -> dict[str, Any]:
    resource = {"Type": "AWS::Lambda::Function", "Properties": PROPERTIES}
    return {"version": 0.0, "Resources": [{"predict": resource}], **changes}


def revision(content: str, **members: str) -> dict[str, Any]:
    return {"revisionType": "AppSpecContent", "appSpecContent": {"content": content, **members}}


def test_json_and_yaml_say_the_same() -> None:
    as_yaml = """
version: 0.0
Resources:
  - predict:
      Type: AWS::Lambda::Function
      Properties: {Name: predict, Alias: live, CurrentVersion: 3, TargetVersion: 4}
Hooks:
  - BeforeAllowTraffic: check
"""
    as_json = json.dumps(document(Hooks=[{"BeforeAllowTraffic": "check"}]))

    assert parse(as_yaml) == parse(as_json)
    assert parse(as_json).hooks == {"BeforeAllowTraffic": "check"}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"version": 1.0}, "version"),
        ({"Resources": []}, "exactly one"),
        ({"Resources": [{"a": {}}, {"b": {}}]}, "exactly one"),
        ({"Resources": [{"a": {"Type": "AWS::ECS::Service"}}]}, "AWS::Lambda::Function"),
        ({"Resources": [{"a": {"Type": "AWS::Lambda::Function"}}]}, "Properties"),
        ({"Hooks": [{"BeforeInstall": "x"}]}, "Hooks"),
        ({"Hooks": {"BeforeAllowTraffic": "x"}}, "Hooks"),
        ({"Hooks": [{"BeforeAllowTraffic": ""}]}, "hook"),
        ({"Outputs": {}}, "unknown"),
    ],
)
def test_a_broken_appspec_is_refused_by_what_is_wrong(broken: dict[str, Any], said: str) -> None:
    with pytest.raises(AwsError, match=said) as refused:
        parse(json.dumps(document(**broken)))

    assert refused.value.code == "InvalidRevisionException"


@pytest.mark.parametrize(
    "change", [{"TargetVersion": "3"}, {"TargetVersion": "$LATEST"}, {"Alias": ""}, {"Extra": "x"}]
)
def test_versions_must_be_published_and_differ(change: dict[str, str]) -> None:
    resource = {"Type": "AWS::Lambda::Function", "Properties": {**PROPERTIES, **change}}

    with pytest.raises(AwsError):
        parse(json.dumps(document(Resources=[{"predict": resource}])))


def test_the_digest_is_checked_and_given_back() -> None:
    content = json.dumps(document())
    digest = hashlib.sha256(content.encode()).hexdigest()

    spec, kept = from_revision(revision(content))

    assert kept["appSpecContent"] == {"content": content, "sha256": digest}
    assert from_revision(revision(content, sha256=digest))[0] == spec
    with pytest.raises(AwsError, match="sha256"):
        from_revision(revision(content, sha256="0" * 64))


def test_the_way_back_can_be_read_again() -> None:
    spec = parse(json.dumps(document(Hooks=[{"AfterAllowTraffic": "x"}])))

    back, _ = from_revision(spec.reversed().to_revision())

    assert (back.current, back.target, back.hooks) == ("4", "3", {})


def test_an_appspec_in_s3_is_refused_by_name() -> None:
    with pytest.raises(NotModelledError, match="S3"):
        from_revision({"revisionType": "S3", "s3Location": {"bucket": "b", "key": "k"}})


def test_a_revision_is_required() -> None:
    with pytest.raises(AwsError) as refused:
        from_revision(None)
    assert refused.value.code == "RevisionRequiredException"
