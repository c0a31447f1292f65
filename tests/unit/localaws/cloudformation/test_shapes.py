"""Fitting: letter case, numbers and booleans as text, documents, unknown members."""

from __future__ import annotations

from localaws.cloudformation.shapes import Api, call, is_true, unknown_properties


def test_members_take_the_letter_case_of_the_api() -> None:
    assert call(
        "codedeploy",
        "CreateDeploymentGroup",
        {
            "ApplicationName": "a",
            "AlarmConfiguration": {"Enabled": "true", "Alarms": [{"Name": "x"}]},
            "AutoRollbackConfiguration": {"Enabled": True, "Events": ["DEPLOYMENT_FAILURE"]},
        },
    ) == {
        "applicationName": "a",
        "alarmConfiguration": {"enabled": True, "alarms": [{"name": "x"}]},
        "autoRollbackConfiguration": {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
    }


def test_scalars_take_the_types_of_the_api() -> None:
    fitted = call("lambda", "CreateFunction", {"Timeout": "10", "Layers": ["a"], "MemorySize": 128, "Handler": 7})
    assert fitted == {"Timeout": 10, "Layers": ["a"], "MemorySize": 128, "Handler": "7"}
    assert call("cloudwatch", "PutMetricAlarm", {"Threshold": "1", "ActionsEnabled": "false"}) == {
        "Threshold": 1.0,
        "ActionsEnabled": False,
    }
    assert is_true("True")
    assert not is_true("no")


def test_documents_become_text_and_maps_keep_their_keys() -> None:
    fitted = call("iam", "CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": {"Version": "1"}})
    assert fitted["AssumeRolePolicyDocument"] == '{"Version": "1"}'
    variables = {"Variables": {"MODEL_name": 3}}
    assert call("lambda", "CreateFunction", {"Environment": variables})["Environment"] == {
        "Variables": {"MODEL_name": "3"}
    }


def test_absent_values_are_left_out() -> None:
    assert call("sns", "CreateTopic", {"Name": "t", "Tags": None}) == {"Name": "t"}


def test_unknown_members_are_found_at_any_depth_but_functions_are_passed_over() -> None:
    metrics = [{"Id": "a", "MetricStat": {"Metric": {"Nmae": 1}, "Stat": {"Ref": "Stat"}}}, {"Ref": "More"}]
    spec = Api("cloudwatch", "PutMetricAlarm", "Metrics")
    assert list(unknown_properties(metrics, spec, "A.Metrics")) == ["A.Metrics.MetricStat.Metric.Nmae"]
    assert list(unknown_properties({"Fn::If": ["c", {"Odd": 1}, 2]}, spec, "A")) == []
