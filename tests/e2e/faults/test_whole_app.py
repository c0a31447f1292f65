"""Each kind of fault and each part of a release at least once, on the whole app, under users' traffic."""

from __future__ import annotations

import pytest

from tests.e2e.faults.rows import keep
from tests.e2e.faults.states import words_of
from tests.e2e.faults.whole import Fault, Seen, Whole

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
MACHINE = "*:role/parcels-Release*"
DATA_ONLY = ("Prepare Data", "Train Model", "Register Model", "Check Gates")
"""States that a release of code alone, which is quicker, doesn't come to."""


def call(service: str, operation: str, kind: str, times: int | None = 1, **parameters: str) -> Fault:
    """A fault of what the machine itself calls."""
    match = {"service": service, "operation": operation, "principal": MACHINE, "parameters": parameters}
    return Fault("call", {"kind": kind}, match, {} if times is None else {"times": times})


MACHINES_CALLS = (
    ("sagemaker", "Create*"),
    ("sagemaker", "Describe*"),
    ("sagemaker", "Update*"),
    ("lambda", "*"),
    ("application-autoscaling", "*"),
    ("codedeploy", "*"),
    ("scheduler", "*"),
)


@pytest.mark.parametrize("kind", ["throttle", "unavailable"])
def test_a_release_goes_live_though_every_service_is_busy(whole: Whole, kind: str) -> None:
    """The machine's calls and those inside the functions: each service refuses the first ones."""
    faults = [call(service, operation, kind, times=2) for service, operation in MACHINES_CALLS]
    functions = {"principal": "*:role/parcels-*Function*"}
    for service in ("dynamodb", "s3", "sns", "kms", "codedeploy", "sagemaker"):
        faults.append(Fault("call", {"kind": kind}, {"service": service, **functions}, {"times": 3}))
    seen = whole.release(f"busy-{kind}", *faults)
    words = {"throttle": "each service throttles its first calls", "unavailable": "each service fails its first calls"}
    keep(whole.judged(seen, "every state", words[kind], "Release Live"))


def denied(service: str, operation: str, **parameters: str) -> Fault:
    """A permission that somebody took away."""
    match = {"service": service, "operation": operation, "principal": MACHINE, "parameters": parameters}
    return Fault("call", {"kind": "error", "code": "AccessDeniedException", "status": 403}, match)


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        ("Prepare Data", denied("sagemaker", "CreateProcessingJob", ProcessingJobName="*-prepare")),
        ("Register Model", denied("sagemaker", "CreateModelPackage")),
        ("Create Dev Endpoint", denied("sagemaker", "CreateEndpoint", EndpointName="*-dev")),
        ("Create Production Endpoint", denied("sagemaker", "CreateEndpoint", EndpointName="*-prod")),
        ("Publish Version", denied("lambda", "PublishVersion")),
        ("Shift Traffic", denied("codedeploy", "CreateDeployment")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_permission_that_is_gone_ends_the_release(whole: Whole, state: str, fault: Fault) -> None:
    seen = whole.release(f"denied-{state.replace(' ', '-')}", fault, code=state not in DATA_ONLY)
    keep(whole.judged(seen, state, "refused for good", "Release Failed"))


def test_a_job_whose_time_passes_ends_the_release(whole: Whole) -> None:
    seen = whole.release("late-Train-Model", late("Train Model", made=True))
    keep(whole.judged(seen, "Train Model", words_of("timed out", made=True), "Release Failed"))


def test_a_release_goes_live_though_the_time_of_some_states_passes(whole: Whole) -> None:
    states = {
        "Create Dev Endpoint": True,
        "Create Production Endpoint": True,
        "Point Inference at Release": True,
        "Check Alarms": False,
        "Publish Version": False,
        "Register Scaling Target": True,
        "Take Release Lock": True,
    }
    seen = whole.release("late", *(late(state, made=made) for state, made in states.items()), code=True)
    for state, made in states.items():
        keep(whole.judged(seen, state, words_of("timed out", made), "Release Live"))


def late(state: str, *, made: bool) -> Fault:
    """A state whose time passes once."""
    return Fault("task", {"kind": "time-out", "made": made}, {"state": state}, {"times": 1})


@pytest.mark.parametrize(("state", "job"), [("Prepare Data", "*-prepare"), ("Train Model", "*-train")])
def test_a_job_that_dies_ends_the_release(whole: Whole, state: str, job: str) -> None:
    seen = whole.release(f"killed{job[1:]}", Fault("job", {"kind": "kill", "afterMilliseconds": 300}, {"job": job}))
    keep(whole.judged(seen, state, "its job's process is killed", "Release Failed"))


def test_a_job_that_is_stopped_by_hand_ends_the_release(whole: Whole) -> None:
    """A long one: it must still run when somebody comes to stop it."""
    sagemaker = whole.app.stack.aws.client("sagemaker")
    stopped: list[str] = []

    def stop(seen: Seen) -> None:
        name = f"parcels-{whole.release_id(seen)}-train"
        if not stopped and seen.execution.is_in("Train Model"):
            running = sagemaker.list_training_jobs(NameContains=name, StatusEquals="InProgress")
            if running["TrainingJobSummaries"]:
                sagemaker.stop_training_job(TrainingJobName=name)
                stopped.append(name)

    seen = whole.release("stopped-job", during=stop, overrides={"hyperparameters": {"num_round": 20_000}})
    assert stopped
    keep(whole.judged(seen, "Train Model", "its job is stopped by hand", "Release Failed", strikes=False))


@pytest.mark.parametrize(
    ("state", "endpoint", "effect", "words"),
    [
        ("Read Dev Endpoint", "*-dev", {"kind": "fail"}, "its endpoint fails to come up"),
        ("Read Production Endpoint", "*-prod", {"kind": "never-up", "seconds": 2100}, "its endpoint never comes up"),
    ],
)
def test_an_endpoint_that_does_not_come_up_ends_the_release(
    whole: Whole, state: str, endpoint: str, effect: dict[str, object], words: str
) -> None:
    seen = whole.release(f"down{endpoint[1:]}", Fault("endpoint", effect, {"endpoint": endpoint}), code=True)
    keep(whole.judged(seen, state, words, "Release Failed"))


DIE = {
    "Register Drop": ("RegisterDrop", "s3", "PutObject"),
    "Check Gates": ("CheckGates", "dynamodb", "UpdateItem"),
    "Test Dev Endpoint": ("TestEndpoint", "dynamodb", "UpdateItem"),
    "Send Request": ("AskForApproval", "kms", "Encrypt"),
    "Take Release Lock": ("TakeLock", "codedeploy", "ListDeployments"),
    "Check Alarms": ("CheckAlarms", "cloudwatch", "PutMetricAlarm"),
    "Watch Shift": ("WatchShift", "logs", "FilterLogEvents"),
    "Announce Release": ("CloseRelease", "sns", "Publish"),
}
"""By state: its function, and the call in which that dies."""


def test_a_release_goes_live_though_functions_die_half_way(whole: Whole) -> None:
    seen = whole.release("crash", *(dies(*place) for place in DIE.values()))
    for state, (_, service, operation) in DIE.items():
        words = f"its function's process is killed as it calls {service}:{operation}"
        keep(whole.judged(seen, state, words, "Release Live"))


def dies(function: str, service: str, operation: str) -> Fault:
    """A function whose process is killed in one of its calls, once."""
    match = {"principal": f"*:role/parcels-{function}*", "service": service, "operation": operation}
    return Fault("call", {"kind": "crash-caller"}, match, {"times": 1})
