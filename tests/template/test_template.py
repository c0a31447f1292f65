"""What must hold of the template whatever else changes: one writer of the alias, own roles, nothing open."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]
from safe_deploy.domain.shift.replaying import LONGEST
from safe_deploy.domain.shift.watch import PATIENCE, REPLAY_SECONDS
from safe_deploy.gateways.clients import ONCE
from samtranslator.yaml_helper import yaml_parse

from localaws.front_door.permissions import PROVED_TO_SCALING

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "template.yaml").read_text()

WITHOUT_RESOURCE = {
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "cloudwatch:PutMetricData",
    "codedeploy:GetDeploymentTarget",
    "codedeploy:ListDeploymentTargets",
    "codedeploy:StopDeployment",
    "ecr:GetAuthorizationToken",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListEndpoints",
    "sagemaker:ListModels",
    "scheduler:ListSchedules",
    "states:SendTaskSuccess",
}
"""Actions that IAM can't scope, or that are asked for without a name. So are log delivery and tracing."""


@cache
def template() -> dict[str, Any]:
    """The template as written, intrinsics spelled out."""
    parsed: dict[str, Any] = yaml_parse(TEXT)
    return parsed


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """Logical id → properties of every resource of a type."""
    return {n: r["Properties"] for n, r in template()["Resources"].items() if r["Type"] == kind}


FUNCTIONS = of_type("AWS::Serverless::Function")
MACHINES = of_type("AWS::Serverless::StateMachine")


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """(logical id, statement) of every identity policy."""
    for name, function in FUNCTIONS.items():
        for policy in function.get("Policies", []):
            for statement in policy["Statement"]:
                yield name, statement.get("Fn::If", [None, statement])[1]
    for name, role in of_type("AWS::IAM::Role").items():
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def listed(value: Any) -> list[Any]:
    """IAM's one-or-many."""
    return value if isinstance(value, list) else [value]


def test_cloudformation_never_moves_the_alias() -> None:
    assert not any("AutoPublishAlias" in function for function in FUNCTIONS.values())
    (alias,) = of_type("AWS::Lambda::Alias").values()
    assert alias == {
        "FunctionName": {"Ref": "PredictFunction"},
        "FunctionVersion": {"Fn::GetAtt": ["FirstPredictVersion", "Version"]},
        "Name": "live",
    }
    (version,) = of_type("AWS::Lambda::Version").values()
    assert set(version) == {"FunctionName", "Description"}, "any other property would publish another version"


def test_the_api_reaches_predict_only_by_the_alias() -> None:
    (api,) = of_type("AWS::Serverless::HttpApi").values()
    predict = api["DefinitionBody"]["paths"]["/predict"]["post"]
    assert "${LiveAlias}" in predict["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
    assert predict["security"] == [{"AWS_IAM": []}]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_has_its_own_role_code_and_events(name: str) -> None:
    function = FUNCTIONS[name]
    assert "Role" not in function
    assert function["Policies"]
    folder = ROOT / function["CodeUri"]
    assert (folder / "app.py").is_file()
    assert list((ROOT / "events" / folder.name).glob("*.json"))
    assert function["Description"]


def test_code_folders_and_functions_are_the_same() -> None:
    folders = {p.parent.name for p in (ROOT / "functions").glob("*/app.py")}
    assert folders == {Path(function["CodeUri"]).name for function in FUNCTIONS.values()}


def test_a_wildcard_resource_is_only_where_iam_knows_no_other() -> None:
    for name, statement in statements():
        if "*" not in listed(statement["Resource"]):
            continue
        if statement.get("Sid") == "ProveThatScalingMayAct":
            assert listed(statement["Action"]) == list(PROVED_TO_SCALING)
            continue
        for action in listed(statement["Action"]):
            allowed = action in WITHOUT_RESOURCE or action.startswith(("logs:", "xray:"))
            assert allowed, f"{name}: {action} on *"


def test_no_action_is_a_wildcard_but_data_keys() -> None:
    for name, statement in statements():
        for action in listed(statement["Action"]):
            assert "*" not in action or action == "kms:GenerateDataKey*", f"{name}: {action}"


def test_a_role_is_passed_only_to_the_service_it_is_for() -> None:
    passing = [s for _, s in statements() if "iam:PassRole" in listed(s["Action"])]
    assert passing
    assert all(s["Condition"]["StringEquals"]["iam:PassedToService"] for s in passing)


def test_only_codedeploy_and_nobody_else_may_move_the_alias() -> None:
    movers = {name for name, s in statements() if "lambda:UpdateAlias" in listed(s["Action"])}
    assert movers == {"CodeDeployRole"}


def about_table(statement: dict[str, Any]) -> str:
    """Which table a statement is about; empty for other things."""
    named = [r["Fn::GetAtt"][0] for r in listed(statement["Resource"]) if isinstance(r, dict) and "Fn::GetAtt" in r]
    return next((name for name in named if name in ("Table", "AuditTable")), "")


def partitions(function: str) -> dict[str, set[str]]:
    """By action: the partitions of the records that a function may reach."""
    found: dict[str, set[str]] = {}
    for name, statement in statements():
        if name == function and about_table(statement) == "Table":
            condition = statement["Condition"]["ForAllValues:StringEquals"]
            assert list(condition) == ["dynamodb:LeadingKeys"]
            for action in listed(statement["Action"]):
                found.setdefault(action, set()).update(condition["dynamodb:LeadingKeys"])
    return found


@pytest.mark.parametrize(
    ("function", "read", "written"),
    [
        ("ShowApprovalFunction", {"APPROVAL"}, {"ATTEMPTS"}),
        ("DecideApprovalFunction", {"APPROVAL", "TASK_TOKEN"}, {"APPROVAL", "RELEASE", "ATTEMPTS"}),
        ("DecideReleaseFunction", {"APPROVAL", "RELEASE", "TASK_TOKEN"}, {"APPROVAL", "RELEASE"}),
        ("RemindApproversFunction", {"APPROVAL", "TASK_TOKEN"}, {"APPROVAL"}),
    ],
)
def test_whom_people_reach_reaches_few_records(function: str, read: set[str], written: set[str]) -> None:
    """None of them the lock, nor may it make or remove any. tests/unit/gateways holds this to what the code does."""
    assert partitions(function) == {"dynamodb:GetItem": read, "dynamodb:UpdateItem": written}


def test_who_shows_an_approval_can_decide_nothing() -> None:
    shown = {s["Sid"]: s for name, s in statements() if name == "ShowApprovalFunction"}
    assert shown["UseTheKey"]["Condition"] == {"Null": {"kms:EncryptionContext:releaseId": "true"}}
    others = {a for s in shown.values() if about_table(s) != "Table" for a in listed(s["Action"])}
    assert others == {"dynamodb:PutItem", "s3:GetObject", "kms:Decrypt"}


def test_no_function_adds_to_its_traces() -> None:
    """What only AWS writes into them, names of functions and states, is no secret."""
    for path in [*(ROOT / "functions").rglob("*.py"), *(ROOT / "layers/safe_deploy/safe_deploy").rglob("*.py")]:
        text = path.read_text()
        assert "xray" not in text, path
        assert "Tracer" not in text, path


def test_the_audit_trail_can_only_be_added_to() -> None:
    allowed = {a for _, s in statements() if about_table(s) == "AuditTable" for a in listed(s["Action"])}
    assert allowed == {"dynamodb:PutItem"}
    everywhere = [s for _, s in statements() if any(a.startswith("dynamodb:") for a in listed(s["Action"]))]
    assert all(about_table(s) for s in everywhere), "a statement on other names might reach the audit trail"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_who_records_may_and_who_may_records(name: str) -> None:
    folder = ROOT / FUNCTIONS[name]["CodeUri"]
    code = (folder / "app.py").read_text()
    records = bool(re.search(r"\.audit\(|\.record\(|deciding import|safe_deploy\.hook", code))
    variables = FUNCTIONS[name].get("Environment", {}).get("Variables", {})
    assert records == ("AUDIT_TABLE_NAME" in variables)
    assert records == any(n == name and about_table(s) == "AuditTable" for n, s in statements())


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_whose_code_looks_at_the_alias_may_read_it(name: str) -> None:
    looks = "functions.live()" in (ROOT / FUNCTIONS[name]["CodeUri"] / "app.py").read_text()
    allowed = {action for owner, s in statements() if owner == name for action in listed(s["Action"])}
    assert not looks or {"lambda:GetAlias", "lambda:GetFunctionConfiguration"} <= allowed


def test_personal_mail_comes_only_from_the_one_sender() -> None:
    mailing = [(name, s) for name, s in statements() if "ses:SendEmail" in listed(s["Action"])]
    assert {name for name, _ in mailing} == {"AskForApprovalFunction", "RemindApproversFunction"}
    for _, statement in mailing:
        assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": {"Ref": "SenderEmail"}}}


def test_buckets_are_private_encrypted_versioned_and_refuse_plain_http() -> None:
    buckets = of_type("AWS::S3::Bucket")
    assert set(buckets) == {"DropBucket", "ArtifactBucket"}
    for bucket in buckets.values():
        assert all(bucket["PublicAccessBlockConfiguration"].values())
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        assert bucket["LifecycleConfiguration"]["Rules"]
    denied = {p["Bucket"]["Ref"] for p in of_type("AWS::S3::BucketPolicy").values()}
    assert denied == set(buckets)


def test_tables_and_topic_are_encrypted() -> None:
    tables = of_type("AWS::DynamoDB::Table")
    assert set(tables) == {"Table", "AuditTable"}
    for table in tables.values():
        assert table["SSESpecification"]["SSEEnabled"]
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert "TimeToLiveSpecification" not in tables["AuditTable"]
    (topic,) = of_type("AWS::SNS::Topic").values()
    assert topic["KmsMasterKeyId"]


def test_logs_are_kept_for_a_time_and_never_hold_execution_data() -> None:
    groups = of_type("AWS::Logs::LogGroup")
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())
    for machine in MACHINES.values():
        assert machine["Logging"]["IncludeExecutionData"] is False
        assert machine["Tracing"] == {"Enabled": True}
    (api,) = of_type("AWS::Serverless::HttpApi").values()
    assert "path" not in api["AccessLogSettings"]["Format"].lower()


@pytest.mark.parametrize("name", ["CleanUpReleaseFunction", "ReapLeasesFunction"])
def test_who_removes_endpoints_gives_what_they_logged_the_same_time(name: str) -> None:
    assert FUNCTIONS[name]["Environment"]["Variables"]["LOG_RETENTION_DAYS"] == {"Ref": "LogRetentionDays"}
    (allowed,) = [
        s["Resource"] for owner, s in statements() if owner == name and s["Action"] == "logs:PutRetentionPolicy"
    ]
    assert allowed["Fn::Sub"].endswith(":log-group:/aws/sagemaker/Endpoints/${ModelName}-2*")


def test_logs_are_kept_for_a_time_that_logs_take() -> None:
    taken = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Logs::LogGroup").schema
    allowed = template()["Parameters"]["LogRetentionDays"]["AllowedValues"]
    assert allowed == taken["properties"]["RetentionInDays"]["enum"]


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_substitutions_are_exactly_those_the_machine_names(name: str) -> None:
    text = (ROOT / MACHINES[name]["DefinitionUri"]).read_text()
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(MACHINES[name]["DefinitionSubstitutions"])


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_no_machine_names_a_partition(name: str) -> None:
    """In China, say, a task that names `aws` ends its execution by an error that nothing catches."""
    text = (ROOT / MACHINES[name]["DefinitionUri"]).read_text()
    assert set(re.findall(r"\barn:([^:]+):", text)) == {"${Partition}"}
    assert MACHINES[name]["DefinitionSubstitutions"]["Partition"] == {"Ref": "AWS::Partition"}


def test_nothing_that_is_deployed_names_a_partition() -> None:
    named = re.compile(r"\barn:aws[\w-]*:")
    places = [ROOT / folder for folder in ("functions", "layers/safe_deploy/safe_deploy", "jobs", "statemachines")]
    files = [ROOT / "template.yaml", *(p for place in places for p in place.rglob("*") if p.suffix in (".py", ".yaml"))]
    assert [str(file.relative_to(ROOT)) for file in files if named.search(file.read_text())] == []


def test_parameters_are_described_and_bounded() -> None:
    for name, parameter in template()["Parameters"].items():
        assert parameter["Description"], name
        bounded = {"AllowedPattern", "AllowedValues", "MinValue"} & set(parameter)
        assert bounded, f"{name} takes anything"
    shown = [
        parameter
        for group in template()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        for parameter in group["Parameters"]
    ]
    assert sorted(shown) == sorted(template()["Parameters"])


def test_cloudformation_can_read_the_yaml() -> None:
    """CloudFormation knows no YAML aliases, though every local parser does."""
    assert not re.search(r"(: |- )[&*]\w+\s*$", TEXT, re.MULTILINE)


def test_nothing_outside_the_models_folder_names_the_model() -> None:
    """Taxis, fares and error limits stand in model/ alone; elsewhere only the example's stack name does."""
    for folder in ("functions", "layers", "jobs", "statemachines"):
        for file in (ROOT / folder).rglob("*"):
            if file.suffix in (".py", ".yaml", ".json") and file.is_file():
                words = re.findall(r"taxi|fare\b|rmse", file.read_text(), re.IGNORECASE)
                assert not words, f"{file.relative_to(ROOT)} names {set(words)}"


def test_the_dashboard_is_json() -> None:
    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    body = re.sub(r"\$\{[\w.:]+\}", "x", dashboard["DashboardBody"]["Fn::Sub"])
    assert json.loads(body)["widgets"]


def test_a_hook_counts_as_dead_only_when_its_function_can_not_live_any_more() -> None:
    told = FUNCTIONS["WatchShiftFunction"]["Environment"]["Variables"]
    assert int(told["CHECK_VERSION_SECONDS"]) == FUNCTIONS["CheckVersionFunction"]["Timeout"]
    assert int(told["CHECK_TRAFFIC_SECONDS"]) == FUNCTIONS["CheckTrafficFunction"]["Timeout"]


def test_a_look_ends_in_time_even_if_every_replayed_request_hangs() -> None:
    """A start may take ten seconds before a function's own time begins; the look has its state to write after that."""
    assert FUNCTIONS["PredictFunction"]["Timeout"] + 10 < vars(ONCE)["read_timeout"] <= LONGEST
    assert max(REPLAY_SECONDS + LONGEST, PATIENCE) + 15 <= FUNCTIONS["WatchShiftFunction"]["Timeout"]
