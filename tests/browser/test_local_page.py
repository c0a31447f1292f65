"""The laptop's AWS's own pages in a browser: readable for everybody, on a desk and on a phone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest

from localaws.cloudwatch.service import CloudWatch
from localaws.eventbridge.service import EventBridge
from localaws.mail.service import Mail
from localaws.page.service import Page
from localaws.scheduler.service import Scheduler
from localaws.stepfunctions.service import StepFunctions
from localaws.storage import Storage
from localaws.world import World
from tests.browser.conftest import OpenPage
from tests.browser.test_look import complaints
from tests.localaws.conftest import MakeRole, make_role, world_of

__all__ = ["make_role", "world_of"]
STEPS = ["Prepare Data", "Train Model", "Evaluate Candidate", "Check Gates", "Ask for Approval", "Publish Version"]


@pytest.fixture
def execution(world_of: Callable[..., World], make_role: MakeRole) -> str:
    """The address of an execution in a world in which a few things have happened."""
    world = world_of(StepFunctions, CloudWatch, EventBridge, Scheduler, Storage, Mail, Page)
    topic = world.client("sns").create_topic(Name="notices")["TopicArn"]
    world.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="ada@example.com")
    world.client("cloudwatch").put_metric_alarm(
        AlarmName="taxi-fare-errors", Namespace="N", MetricName="M", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    states: dict[str, dict[str, object]] = {
        name: {"Type": "Wait", "Seconds": 60 * (place + 1), "Next": following}
        for place, (name, following) in enumerate(zip(STEPS, [*STEPS[1:], "Release Failed"], strict=True))
    }
    states["Release Failed"] = {"Type": "Fail", "Error": "GatesFailed", "Cause": '{"rmse": "above the limit"}'}
    machines = world.client("stepfunctions")
    machine = machines.create_state_machine(
        name="release",
        roleArn=make_role(world, "machine", "states.amazonaws.com"),
        definition=json.dumps({"QueryLanguage": "JSONata", "StartAt": STEPS[0], "States": states}),
    )
    started = machines.start_execution(stateMachineArn=machine["stateMachineArn"], name="first", input='{"a": 1}')
    return f"{world.endpoint}/_localaws/executions/{quote(started['executionArn'], safe='')}"


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_laptops_pages_are_readable(
    execution: str, open_page: OpenPage, shots: Path, size: str, scheme: str
) -> None:
    page = open_page(execution, size, color_scheme=scheme)
    while "FAILED" not in page.locator("h1").inner_text():
        page.wait_for_timeout(200)
        page.reload()
    for name, path in (("execution", None), ("overview", "/"), ("inbox", "/_localaws/inbox")):
        if path:
            page.goto(urljoin(execution, path))
        page.screenshot(path=shots / f"localaws-{name}-{size}-{scheme}.png", full_page=True)
        assert complaints(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
