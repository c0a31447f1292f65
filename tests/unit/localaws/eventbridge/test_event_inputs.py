"""What targets are given: AWS's documented examples of input transformers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from localaws.errors import AwsError
from localaws.eventbridge.inputs import check_input, input_for

EVENT: dict[str, Any] = {
    "version": "0",
    "id": "7bf73129",
    "source": "aws.ec2",
    "detail-type": "State-change",
    "time": "2015-11-11T21:29:54Z",
    "resources": ["arn:one", "arn:two"],
    "detail": {"instance-id": "i-0123456789", "state": 'RUN"NING', "n": 3, "tags": {"a": "b"}},
}
PATHS = {
    "instance": "$.detail.instance-id",
    "state": "$.detail.state",
    "n": "$.detail.n",
    "tags": "$.detail.tags",
    "first": "$.resources[0]",
    "all": "$.resources",
    "absent": "$.detail.absent",
}
RULE = "arn:aws:events:us-east-1:123456789012:rule/mine"


def given(target: dict[str, Any]) -> str:
    check_input({"Id": "1", **target})
    return input_for(target, EVENT, RULE, "2015-11-11T21:30:00Z")


def templated(template: str) -> str:
    used = {name: path for name, path in PATHS.items() if f"<{name}>" in template}
    return given({"InputTransformer": {"InputPathsMap": used, "InputTemplate": template}})


def test_without_input_the_target_gets_the_event() -> None:
    assert json.loads(given({})) == EVENT


def test_a_constant_is_passed_as_it_stands() -> None:
    assert given({"Input": '{"a": 1}'}) == '{"a": 1}'


@pytest.mark.parametrize(
    ("path", "found"),
    [("$", EVENT), ("$.detail", EVENT["detail"]), ("$.resources[1]", "arn:two"), ("$.nothing", None)],
)
def test_a_path_picks_a_part(path: str, found: Any) -> None:
    assert json.loads(given({"InputPath": path})) == found


@pytest.mark.parametrize(
    ("template", "output"),
    [
        ('"<instance> is there"', '"i-0123456789 is there"'),
        ('"it is <state>"', '"it is RUN\\"NING"'),
        ("plain <instance>", "plain i-0123456789"),
        ('{"i": <instance>, "n": <n>}', '{"i": "i-0123456789", "n": 3}'),
        ('{"s": "<instance>-<n>"}', '{"s": "i-0123456789-3"}'),
        ('{"s": "say \\"<instance>\\""}', '{"s": "say \\"i-0123456789\\""}'),
        ('{"t": <tags>}', '{"t": {"a":"b"}}'),
        ('{"t": "<tags>"}', '{"t": "{a:b}"}'),
        ('{"r": <all>, "f": <first>}', '{"r": ["arn:one","arn:two"], "f": "arn:one"}'),
        ('{"a": <absent>, "b": "x<absent>y"}', '{"a": "", "b": "xy"}'),
        ('{"r": <aws.events.rule-arn>, "n": "<aws.events.rule-name>"}', f'{{"r": "{RULE}", "n": "mine"}}'),
        ('{"at": <aws.events.event.ingestion-time>}', '{"at": "2015-11-11T21:30:00Z"}'),
    ],
)
def test_templates(template: str, output: str) -> None:
    assert templated(template) == output


def test_the_whole_event_can_be_put_into_a_template() -> None:
    assert json.loads(templated('{"e": <aws.events.event.json>}'))["e"] == EVENT
    without_detail = {name: value for name, value in EVENT.items() if name != "detail"}
    assert json.loads(templated('{"e": <aws.events.event>}'))["e"] == without_detail


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ({"Input": "{}", "InputPath": "$"}, "Only one of Input and InputPath"),
        ({"Input": "{"}, "not valid JSON"),
        ({"InputPath": "detail"}, "Invalid JSON path 'detail'"),
        ({"InputPath": "$.a['b']"}, "Invalid JSON path"),
        ({"InputTransformer": {"InputTemplate": '"<who>"'}}, "<who>, which no input path defines"),
        ({"InputTransformer": {"InputPathsMap": {"aws.x": "$"}, "InputTemplate": '"a"'}}, "reserved"),
    ],
)
def test_inputs_that_could_not_be_made_are_refused(target: dict[str, Any], reason: str) -> None:
    with pytest.raises(AwsError, match=re.escape(reason)):
        check_input({"Id": "1", **target})
