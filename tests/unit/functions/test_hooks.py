"""CodeDeploy's hooks always report, and let nothing pass that they could not see."""

from __future__ import annotations

import itertools
import json
import threading
from datetime import timedelta
from typing import Any

import botocore.session
import pytest
from safe_deploy.domain.deployment import SERVING
from safe_deploy.domain.live import LiveVersion
from safe_deploy.domain.lock import Lock
from safe_deploy.domain.ports import Deployment, Endpoint, Invocation
from safe_deploy.errors import InvalidRequestError, TransientError

from localaws.sagemaker import endpoints as localaws_endpoints
from tests.fakes.aws import START, FakeContext
from tests.fakes.story import ARTIFACTS, FIRST, MODEL, SECOND, Story, execution

PRODUCTION = f"{MODEL}-{FIRST}-prod"


@pytest.fixture
def published(story: Story) -> Story:
    """A release with its version published, just before traffic."""
    story.decide(story.until_asked())
    story.take_lock()
    story.publish()
    return story


def failed(story: Story, function: str, words: str) -> None:
    """Check that a hook reports Failed once, for this reason, and that the reason is on record."""
    answer = story.hook(function)
    assert answer["status"] == "Failed"
    assert words in "; ".join(answer["failures"])
    assert story.outside.deployments.reports == [("d-2", "hook-1", False)]


def test_a_good_version_succeeds_and_the_finding_is_on_record(published: Story) -> None:
    answer = published.hook("check_version")
    assert answer["status"] == "Succeeded"
    assert published.outside.deployments.reports == [("d-2", "hook-1", True)]
    found = published.outside.releases.get(FIRST).item["versionCheck"]
    assert found["passed"]
    assert found["goldenRows"] == 3
    assert found["endpointName"] == PRODUCTION


def test_the_version_is_asked_as_the_http_api_would(published: Story) -> None:
    published.hook("check_version")
    event = published.outside.functions.events[0]
    assert event["version"] == "2.0"
    assert event["requestContext"]["http"]["method"] == "POST"
    assert event["headers"] == {
        "content-type": "text/csv",
        "accept": "application/json",
        "user-agent": "check-version",
    }
    assert event["body"] == "10.5,1\n20.25,2\n30.0,3\n"


def body(**changes: Any) -> dict[str, Any]:
    answer = {"predictions": [{"score": s} for s in (11.5, 22.25, 33.0)], "release": FIRST, **changes}
    return {"statusCode": 200, "body": json.dumps(answer)}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Invocation(b'{"errorMessage": "no endpoint"}', "Unhandled"), "the new version failed"),
        ({"statusCode": 503, "body": "no release is live yet"}, "answered 503: no release is live yet"),
        (body(release=SECOND), f"answers as release '{SECOND}'"),
        (body(predictions=[{"score": 1.0}]), "answered 1 scores for 3 rows"),
        (body(predictions=[{"score": None}] * 3), "must be a number"),
        (body(predictions=[{"score": s} for s in (11.5, 22.25, 33.1)]), "golden row 3 scores 33.1; the dev"),
        ({"statusCode": 200}, "body is missing"),
        ({"statusCode": 200, "body": "<html>"}, "not valid JSON"),
        (Invocation(b"null"), "must be a JSON object"),
        (Invocation(b""), "can't be read"),
    ],
)
def test_a_version_that_answers_wrongly_fails(published: Story, answer: Any, words: str) -> None:
    given = answer if isinstance(answer, Invocation) else Invocation(json.dumps(answer).encode())
    published.outside.functions.answer = lambda version, event: given
    failed(published, "check_version", words)
    assert words in "; ".join(published.outside.releases.get(FIRST).item["versionCheck"]["failures"])


@pytest.mark.parametrize(
    ("status", "capture", "words"),
    [
        ("Creating", 100, "is Creating, so it doesn't serve"),
        ("Failed", 100, "is Failed, so it doesn't serve"),
        ("Updating", 0, "captures 0 %"),
        ("InService", 0, "captures 0 %"),
        ("InService", 50, "50 %"),
    ],
)
def test_an_endpoint_that_is_not_ready_fails(published: Story, status: str, capture: int, words: str) -> None:
    published.outside.endpoints.endpoints[PRODUCTION] = Endpoint(PRODUCTION, status, capture)
    failed(published, "check_version", words)


@pytest.mark.parametrize("status", SERVING)
def test_a_release_whose_endpoint_scales_with_its_traffic_goes_live(published: Story, status: str) -> None:
    published.outside.endpoints.add(PRODUCTION, status)
    assert published.hook("check_version")["status"] == "Succeeded"
    published.outside.functions.alias = "2"
    published.prove()
    assert published.hook("check_traffic")["status"] == "Succeeded"
    assert published.outside.releases.get(FIRST).item["trafficCheck"]["endpoint"]["status"] == status


def test_what_serves_on_localaws_and_is_a_status_at_all_is_what_serves() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    output: Any = model.shape_for("DescribeEndpointOutput")
    assert set(SERVING) == set(localaws_endpoints.SERVING) <= set(output.members["EndpointStatus"].enum)


def test_an_endpoint_that_is_gone_fails(published: Story) -> None:
    published.outside.endpoints.endpoints.clear()
    failed(published, "check_version", "doesn't exist")


def test_a_version_that_names_another_endpoint_fails(published: Story) -> None:
    published.outside.functions.versions["2"] = LiveVersion("2", FIRST, f"{MODEL}-{FIRST}-dev")
    failed(published, "check_version", f"-dev, not {PRODUCTION}")


def test_a_slow_version_fails_but_a_cold_start_does_not(published: Story) -> None:
    published.outside.predictions.milliseconds = itertools.chain([20, 9000], itertools.repeat(20))
    assert published.hook("check_version")["status"] == "Succeeded"
    published.outside.deployments.reports.clear()
    published.outside.predictions.milliseconds = itertools.chain([20] * 5, itertools.repeat(300))
    failed(published, "check_version", "above the limit 100 ms")


def test_a_release_that_lost_the_lock_fails(published: Story) -> None:
    published.outside.memory.lock = Lock(SECOND, execution(SECOND), 2, START + timedelta(hours=1))
    failed(published, "check_version", "doesn't hold the production lock")


def test_going_back_to_a_live_release_needs_no_lock(story: Story) -> None:
    story.until_live()
    assert story.hook("check_version")["status"] == "Succeeded"


# ---- going back ----


@pytest.fixture
def fled(story: Story) -> Story:
    """The second release is live; the first, version 2, is to be gone back to."""
    story.until_live()
    story.until_live(SECOND, "tuesday", "3", champion=4.5)
    story.outside.deployments.reports.clear()
    return story


def noted(story: Story) -> str:
    """Check that the way back is open, and return what is on record to be told of it."""
    assert story.hook("check_version")["status"] == "Succeeded"
    found = story.outside.releases.get(FIRST).item["versionCheck"]
    assert found["passed"]
    return " ".join(found.get("notes", ()))


def golden_of(release_id: str) -> str:
    return f"s3://{ARTIFACTS}/releases/{release_id}/data/golden/golden.json"


def test_going_back_to_what_answers_as_it_should_has_nothing_to_tell(fled: Story) -> None:
    assert noted(fled) == ""


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (300, "is slow: one row takes 300 ms (99th percentile), above the limit 100 ms"),
        (28_000, "above the limit 100 ms in 1 of 1 calls"),
        (45_000, "is slow: a request took 45 s; there was no time for more"),
    ],
)
def test_going_back_is_not_refused_for_slowness_which_is_told(fled: Story, milliseconds: float, words: str) -> None:
    """It may have scaled in, or share what makes everything slow; what is being fled may answer nothing."""
    fled.outside.predictions.milliseconds = itertools.repeat(milliseconds)
    assert words in noted(fled)


def test_going_back_is_refused_for_wrong_answers_and_for_none(fled: Story) -> None:
    fled.outside.predictions.score = lambda row: sum(row) + 1
    failed(fled, "check_version", "golden row 1 scores 12.5; the dev endpoint said 11.5")
    fled.outside.deployments.reports.clear()
    fled.outside.functions.answer = lambda version, event: Invocation(b'{"errorMessage": "no model"}', "Unhandled")
    failed(fled, "check_version", "the new version failed")


@pytest.mark.parametrize("how", ["gone", "denied", "broken"])
def test_a_target_whose_golden_rows_are_gone_is_asked_those_of_what_serves(fled: Story, how: str) -> None:
    objects = fled.outside.objects
    if how == "denied":  # what S3 says of a missing object to who may not list
        objects.denied.add(golden_of(FIRST))
    elif how == "broken":
        objects.put(golden_of(FIRST), {"rows": []})
    else:
        del objects.content[golden_of(FIRST)]
    objects.put(golden_of(SECOND), {"columns": ["size", "rooms"], "rows": [[99.5, 4]], "labels": [1]})
    words = noted(fled)
    assert f"The golden rows of release {FIRST} can't be read" in words
    assert f"so it was asked those of release {SECOND}" in words
    assert {event["body"] for event in fled.outside.functions.events[-22:]} == {"99.5,4\n"}
    fled.outside.deployments.reports.clear()
    fled.outside.functions.answer = lambda version, event: Invocation(b'{"statusCode": 422, "body": "2 columns"}')
    failed(fled, "check_version", "answered 422: 2 columns")


def test_a_target_that_nobody_has_rows_for_is_refused(fled: Story) -> None:
    del fled.outside.objects.content[golden_of(FIRST)]
    del fled.outside.objects.content[golden_of(SECOND)]
    failed(fled, "check_version", f"{golden_of(SECOND)} doesn't exist")
    fled.outside.deployments.reports.clear()
    fled.outside.functions.alias = "1"
    failed(fled, "check_version", f"there are no rows to ask release {FIRST}: {golden_of(FIRST)} doesn't exist")


def test_a_release_on_its_way_is_asked_its_own_golden_rows_or_none(published: Story) -> None:
    del published.outside.objects.content[golden_of(FIRST)]
    failed(published, "check_version", f"{golden_of(FIRST)} doesn't exist")


def test_going_back_asks_nothing_of_a_policy_that_would_not_be_taken_today(fled: Story) -> None:
    del fled.outside.memory.releases[FIRST]["policy"]["production"]
    fled.outside.predictions.milliseconds = itertools.repeat(300)
    assert "above the limit 100 ms" in noted(fled)


@pytest.mark.parametrize("function", ["check_version", "check_traffic"])
@pytest.mark.parametrize("error", [TransientError("CodeDeploy is away"), RuntimeError("a bug"), SystemExit("worse")])
def test_whatever_breaks_is_reported_as_failed(
    published: Story, monkeypatch: pytest.MonkeyPatch, function: str, error: BaseException
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(published.outside.functions, "version", broken)
    failed(published, function, str(error))


@pytest.mark.parametrize("function", ["check_version", "check_traffic"])
def test_what_hangs_is_given_up_on_in_time_and_what_it_says_later_is_not_heard(
    published: Story, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    released, over, before = threading.Event(), threading.Event(), set(threading.enumerate())
    describe = published.outside.endpoints.describe

    def hangs(name: str) -> Endpoint | None:
        released.wait(60)
        over.set()
        return describe(name)

    monkeypatch.setattr(published.outside.endpoints, "describe", hangs)
    answer = published.hook(function, context=FakeContext(milliseconds=2000))
    assert answer["failures"] == ["the check did not finish in time"]
    assert published.outside.deployments.reports == [("d-2", "hook-1", False)]
    released.set()
    assert over.wait(60)
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
    attribute = {"check_version": "versionCheck", "check_traffic": "trafficCheck"}[function]
    found = published.outside.releases.get(FIRST).item[attribute]
    assert (found["passed"], found["failures"]) == (False, ["the check did not finish in time"])


def test_a_record_that_hangs_keeps_no_verdict_from_codedeploy(
    published: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()

    def hangs(*_: object, **__: object) -> None:
        never.wait(60)

    monkeypatch.setattr(published.outside.releases, "audit", hangs)
    assert published.hook("check_version", context=FakeContext(milliseconds=10_000))["status"] == "Succeeded"
    assert published.outside.deployments.reports == [("d-2", "hook-1", True)]
    never.set()


def test_a_finding_that_can_not_be_recorded_is_reported_all_the_same(
    published: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise TransientError("DynamoDB is away")

    monkeypatch.setattr(published.outside.releases, "update", away)
    assert published.hook("check_version")["status"] == "Succeeded"
    assert published.outside.deployments.reports == [("d-2", "hook-1", True)]


@pytest.mark.parametrize("away", ["releases", "deployments", "functions"])
def test_records_deployments_or_versions_that_can_not_be_read_fail_the_check(
    published: Story, monkeypatch: pytest.MonkeyPatch, away: str
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise TransientError(f"{away}: ThrottlingException")

    monkeypatch.setattr(getattr(published.outside, away), {"functions": "version"}.get(away, "get"), busy)
    answer = published.hook("check_version")
    assert answer["failures"] == [f"{away}: ThrottlingException"]
    assert published.outside.deployments.reports == [("d-2", "hook-1", False)]


def throttle_reports(story: Story, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    report, left = story.outside.deployments.report, itertools.count(times, -1)

    def busy(deployment_id: str, hook_execution_id: str, *, succeeded: bool) -> None:
        if next(left) > 0:
            raise TransientError("ThrottlingException")
        report(deployment_id, hook_execution_id, succeeded=succeeded)

    monkeypatch.setattr(story.outside.deployments, "report", busy)


def test_a_report_that_is_throttled_is_made_again(published: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    throttle_reports(published, monkeypatch, 3)
    assert published.hook("check_version")["status"] == "Succeeded"
    assert published.outside.deployments.reports == [("d-2", "hook-1", True)]


def test_a_report_that_can_not_be_made_fails_the_function_so_that_lambda_tries_again(
    published: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    throttle_reports(published, monkeypatch, 4)
    with pytest.raises(TransientError, match="Throttling"):
        published.hook("check_version")
    assert published.hook("check_version")["status"] == "Succeeded", "Lambda's second try"
    assert published.outside.deployments.reports == [("d-2", "hook-1", True)]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"DeploymentId": "d-2"}, "LifecycleEventHookExecutionId is missing"),
        ({"DeploymentId": 2, "LifecycleEventHookExecutionId": "x"}, "DeploymentId must be a string"),
        ([], "must be a JSON object"),
    ],
)
def test_an_event_of_no_deployment_is_the_callers_mistake(published: Story, event: Any, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        published.call("check_version", event)


# ---- after traffic ----


@pytest.fixture
def shifted(published: Story) -> Story:
    """A release that has all traffic."""
    published.hook("check_version")
    published.outside.deployments.reports.clear()
    published.outside.functions.alias = "2"
    return published


def test_traffic_that_has_arrived_and_is_captured_succeeds(shifted: Story) -> None:
    assert shifted.hook("check_traffic")["status"] == "Succeeded"
    found = shifted.outside.releases.get(FIRST).item["trafficCheck"]
    assert found["captured"] is True
    assert found["alias"] == {"version": "2", "weights": {}}
    assert found["endpoint"] == {"status": "InService", "capturePercentage": 100}
    assert shifted.outside.deployments.reports == [("d-2", "hook-1", True)]


def test_an_alias_that_holds_all_weight_for_the_version_counts(shifted: Story) -> None:
    shifted.outside.functions.alias, shifted.outside.functions.weights = "1", {"2": 1.0}
    assert shifted.hook("check_traffic")["status"] == "Succeeded"


@pytest.mark.parametrize(("alias", "weights"), [("1", {}), ("1", {"2": 0.9}), ("2", {"1": 0.1})])
def test_traffic_that_has_not_all_arrived_fails(shifted: Story, alias: str, weights: dict[str, float]) -> None:
    shifted.outside.functions.alias, shifted.outside.functions.weights = alias, weights
    failed(shifted, "check_traffic", "not all of it")


def forget_capture(story: Story) -> None:
    content = story.outside.objects.content
    for uri in [uri for uri in content if "/capture/" in uri]:
        del content[uri]


def test_capture_that_comes_late_is_waited_for(shifted: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_capture(shifted)
    clock = shifted.outside.clock
    sleep = clock.sleep

    def captured_meanwhile(seconds: float) -> None:
        sleep(seconds)
        if clock.seconds() > 30:
            shifted.capture(PRODUCTION, "1,1\n", "2.0\n")

    monkeypatch.setattr(clock, "sleep", captured_meanwhile)
    assert shifted.hook("check_traffic", context=FakeContext(900_000))["status"] == "Succeeded"


def test_capture_that_never_comes_fails_in_time(shifted: Story) -> None:
    forget_capture(shifted)
    shifted.capture(f"{MODEL}-{SECOND}-prod", "1,1\n", "2.0\n")
    began = shifted.outside.clock.seconds()
    failed(shifted, "check_traffic", "nothing of it was captured")
    assert shifted.outside.clock.seconds() - began < 120


def test_capture_of_an_earlier_deployment_does_not_count(shifted: Story) -> None:
    forget_capture(shifted)
    shifted.outside.clock.time -= timedelta(seconds=2)
    shifted.capture(PRODUCTION, "1,1\n", "2.0\n")
    shifted.outside.clock.time += timedelta(seconds=2)
    failed(shifted, "check_traffic", "nothing of it was captured since it was asked")


def test_capture_is_asked_even_if_the_first_hook_left_no_record(shifted: Story) -> None:
    forget_capture(shifted)
    del shifted.outside.memory.releases[FIRST]["versionCheck"]
    failed(shifted, "check_traffic", "nothing of it was captured")


def test_capture_is_found_across_the_hour(shifted: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_capture(shifted)
    clock = shifted.outside.clock
    clock.time = START + timedelta(minutes=59, seconds=50)
    shifted.outside.deployments.deployments["d-2"] = Deployment("d-2", "2", clock.now())
    clock.time = START + timedelta(minutes=60, seconds=10)
    shifted.capture(PRODUCTION, "1,1\n", "2.0\n")
    assert shifted.hook("check_traffic")["status"] == "Succeeded"


def test_going_back_is_not_held_up_by_capture_that_is_late(story: Story) -> None:
    story.until_live()
    forget_capture(story)
    story.outside.deployments.reports.clear()
    began = story.outside.clock.seconds()
    assert story.hook("check_traffic")["status"] == "Succeeded"
    assert story.outside.clock.seconds() == began
    assert story.outside.releases.get(FIRST).item["trafficCheck"]["captured"] is False
