"""Rules that every shipped state machine keeps: time-outs, retries with jitter, named errors, a way out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from safe_deploy import errors

from localaws.stepfunctions.integrations import table
from localaws.stepfunctions.integrations.actions import Call, Job
from localaws.stepfunctions.tasks import is_activity
from tests.statemachine.machines import ROOT, definition

AWS_PREFIXES = (
    "States.",
    "Lambda.",
    "Runtime.",
    "Sandbox.",
    "SageMaker.",
    "S3.",
    "SNS.",
    "CodeDeploy.",
    "Scheduler.",
    "ApplicationAutoScaling.",
)


MACHINES = sorted(path.name.removesuffix(".asl.yaml") for path in (ROOT / "statemachines").glob("*.asl.yaml"))


def tasks() -> Iterator[tuple[str, str, dict[str, Any], bool]]:
    """(machine, state's name, state, whether it stands in a branch)."""
    for machine in MACHINES:
        yield from _tasks(machine, json.loads(definition(machine))["States"], in_branch=False)


def _tasks(machine: str, states: dict[str, Any], in_branch: bool) -> Iterator[tuple[str, str, dict[str, Any], bool]]:
    for name, state in states.items():
        if state["Type"] == "Task":
            yield machine, name, state, in_branch
        for branch in state.get("Branches", []):
            yield from _tasks(machine, branch["States"], in_branch=True)


ALL = list(tasks())
IDS = [f"{machine}: {name}" for machine, name, _, _ in ALL]


@pytest.mark.parametrize(("machine", "name", "state", "in_branch"), ALL, ids=IDS)
def test_every_task_has_a_time_out_and_retries_with_jitter(
    machine: str, name: str, state: dict[str, Any], in_branch: bool
) -> None:
    assert "TimeoutSeconds" in state
    if is_activity(state["Resource"]):
        return  # nobody is called: people answer, or the time is up
    assert state["Retry"]
    assert all(retry["JitterStrategy"] == "FULL" and retry["MaxAttempts"] <= 5 for retry in state["Retry"])
    assert not any("States.ALL" in retry["ErrorEquals"] for retry in state["Retry"])


@pytest.mark.parametrize(("machine", "name", "state", "in_branch"), ALL, ids=IDS)
def test_a_call_without_an_answer_is_made_again_unless_it_may_have_begun_a_deployment(
    machine: str, name: str, state: dict[str, Any], in_branch: bool
) -> None:
    resource = state["Resource"]
    if is_activity(resource):
        return
    found = table.find(resource)
    assert found is not None
    assert isinstance(found.action, Call | Job)
    error = found.action.api.naming.unreachable(ConnectionError()).error
    again = any(error in retry["ErrorEquals"] for retry in state["Retry"])
    assert again != resource.endswith(":createDeployment")


OPTIMIZED = {
    "lambda:invoke": {"FunctionName", "Payload"},
    "sns:publish": {"TopicArn", "Subject", "Message"},
    "sagemaker:createTrainingJob.sync": {
        "TrainingJobName", "RoleArn", "AlgorithmSpecification", "HyperParameters", "InputDataConfig",
        "OutputDataConfig", "ResourceConfig", "StoppingCondition", "VpcConfig", "Tags",
    },
    "sagemaker:createProcessingJob.sync": {
        "ProcessingJobName", "RoleArn", "AppSpecification", "Environment", "ExperimentConfig", "NetworkConfig",
        "ProcessingInputs", "ProcessingOutputConfig", "ProcessingResources", "StoppingCondition", "Tags",
    },
}  # fmt: skip
"""The optimized integrations that do more than call, and the members that Step Functions' guide has listed for them.

One that isn't listed was refused when a machine ran: `DataCaptureConfig` isn't among those of createEndpointConfig.
"""


@pytest.mark.parametrize(("machine", "name", "state", "in_branch"), ALL, ids=IDS)
def test_what_is_only_called_is_called_by_the_sdk_which_takes_every_member(
    machine: str, name: str, state: dict[str, Any], in_branch: bool
) -> None:
    called = state["Resource"].partition(":::")[2]
    if not called.startswith("aws-sdk:") and not is_activity(state["Resource"]):
        assert set(state["Arguments"]) <= OPTIMIZED[called]


CATCHING = [task for task in ALL if not task[3] and task[:2] != ("monitor", "Tell of Failure")]
"""A branch's Parallel catches for it; the monitor's last word has nothing after it."""


@pytest.mark.parametrize(("machine", "name", "state", "in_branch"), CATCHING, ids=[f"{t[0]}: {t[1]}" for t in CATCHING])
def test_every_task_has_a_way_out(machine: str, name: str, state: dict[str, Any], in_branch: bool) -> None:
    assert state["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


@pytest.mark.parametrize(("machine", "name", "state", "in_branch"), ALL, ids=IDS)
def test_every_named_error_exists(machine: str, name: str, state: dict[str, Any], in_branch: bool) -> None:
    for rule in state.get("Retry", []) + state.get("Catch", []):
        for error in rule["ErrorEquals"]:
            if not error.startswith(AWS_PREFIXES):
                assert issubclass(getattr(errors, error), Exception)


COUNTS = re.compile(r"\$(checks|looks|lost|turn) (<|<=|>) \d+")
ENDLESS = {
    ("release", "Wait for Our Turn"): "the lock's holder ends, or a newer release takes the place",
    ("release", "Wait for Traffic"): "watch_shift counts its own looks",
}
"""Waits in circles that no machine counts, and what ends them."""


def _follows(state: dict[str, Any]) -> Iterator[str]:
    """The states after one, unless it is a choice that counts how often it was come to."""
    rules = state.get("Choices", [])
    if any(COUNTS.search(rule["Condition"]) for rule in rules):
        return
    yield from (rule["Next"] for rule in (*rules, *state.get("Catch", [])))
    yield from (state[member] for member in ("Next", "Default") if member in state)


def _circles(states: dict[str, Any]) -> Iterator[str]:
    """Every Wait that may come again for ever."""
    for name, state in states.items():
        for branch in state.get("Branches", []):
            yield from _circles(branch["States"])
        after: set[str] = set()
        ahead = [name]
        while ahead:
            new = set(_follows(states[ahead.pop()])) - after
            after |= new
            ahead += new
        if state["Type"] == "Wait" and name in after:
            yield name


@pytest.mark.parametrize("machine", MACHINES)
def test_every_wait_is_counted(machine: str) -> None:
    found = set(_circles(json.loads(definition(machine))["States"]))
    assert found == {name for of, name in ENDLESS if of == machine}
