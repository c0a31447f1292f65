"""Changed inference code goes live by the same road, with the champion's model; a deploy in between is noticed."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from safe_deploy.domain.inference import LATEST
from safe_deploy.domain.ports import Invocation
from safe_deploy.domain.release import State
from safe_deploy.errors import TransientError

from tests.fakes.story import ARTIFACTS, FIRST, MODEL, ROOT, SECOND, Story, execution

THIRD = "20260202-090000-0e3f"
PACKAGE = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/taxi-fare/1"


@pytest.fixture
def live(story: Story) -> Story:
    """A live release, and changed code that was deployed since."""
    story.until_live()
    story.outside.functions.deploy("code-2")
    return story


def refusal(story: Story, release_id: str = SECOND, folder: str = "code") -> str:
    answer = story.register(release_id, folder)
    assert answer["status"] == "refused"
    assert story.outside.releases.get(release_id).state is State.REFUSED
    return str(answer["reason"])


# ---- registration ----


def test_a_code_release_takes_the_model_and_all_that_is_known_of_it_from_the_champion(live: Story) -> None:
    trained = live.outside.releases.get(FIRST)
    live.outside.releases.update(FIRST, {"modelPackageArn": PACKAGE}, live.outside.clock.now())
    live.drop_code()
    answer = live.register(SECOND, "code")
    assert answer["kind"] == "code"
    assert answer["modelDataUrl"] == trained.section("modelDataUrl")
    assert answer["modelPackageArn"] == PACKAGE
    assert answer["champion"]["releaseId"] == FIRST
    assert answer["names"]["productionEndpoint"] == f"{MODEL}-{SECOND}-prod"
    for place in ("data", "baseline", "evaluation", "source"):
        assert answer["uris"][place] == trained.section("uris")[place]
    assert answer["uris"]["monitoring"] == f"s3://{ARTIFACTS}/monitoring/{SECOND}"
    record = live.outside.releases.get(SECOND)
    assert (record.kind, record.trained_by) == ("code", FIRST)
    assert record.item["dataDigest"] == trained.item["dataDigest"]
    assert record.item["hyperparameters"] == trained.item["hyperparameters"]
    assert live.register(SECOND, "code") == answer, "a retried call answers the same"


def test_a_code_release_after_a_code_release_still_names_who_trained_the_model(live: Story) -> None:
    live.go_live(live.until_asked_about_code(), SECOND, "3")
    live.outside.functions.deploy("code-3")
    live.drop_code("more")
    answer = live.register(THIRD, "more")
    assert answer["champion"]["releaseId"] == SECOND
    assert live.outside.releases.get(THIRD).trained_by == FIRST
    assert f"releases/{FIRST}/" in answer["uris"]["data"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"files": ["sales.csv"]}, 'files must be left out where release is "code"'),
        (
            {"overrides": {"hyperparameters": {"num_round": 7}}},
            'overrides.hyperparameters must be left out where release is "code"',
        ),
        ({"release": "policy"}, 'release must be one of data, code, not "policy"'),
        ({"description": ""}, "description must be a string that is not empty"),
        ({"owner": "me"}, "owner is not a key"),
    ],
)
def test_a_manifest_that_asks_for_both_is_refused(live: Story, more: dict[str, Any], words: str) -> None:
    live.drop_code(**more)
    assert words in refusal(live)


def test_without_a_champion_there_is_no_model_to_serve(story: Story) -> None:
    story.outside.functions.deploy("code-2")
    story.drop_code()
    assert "no release is live, so there is no model" in refusal(story)


def test_code_that_serves_already_is_no_release(story: Story) -> None:
    story.until_live()
    story.drop_code()
    reason = refusal(story)
    assert f"as it serves already (version 2, release {FIRST})" in reason
    story.outside.functions.deploy("code-1", memoryMegabytes=1024)
    story.drop_code("more")
    assert story.register(THIRD, "more")["status"] == "registered", "a setting is part of a version, too"


def test_a_changed_contract_needs_data(live: Story) -> None:
    live.contract["features"].append({"name": "garden", "type": "number"})
    live.deploy_code()
    live.drop_code()
    assert f"contract.json has changed since release {FIRST} trained the model" in refusal(live)


def test_a_model_that_is_gone_can_not_be_served_again(live: Story) -> None:
    del live.outside.objects.content[live.outside.releases.get(FIRST).section("modelDataUrl")]
    live.drop_code()
    assert f"the model of release {FIRST} is gone" in refusal(live)


def test_the_same_code_is_released_once_at_a_time(live: Story) -> None:
    live.drop_code()
    assert live.register(SECOND, "code")["status"] == "registered"
    live.drop_code("again")
    assert f"release {SECOND} releases the same inference code, and is in progress" in refusal(live, THIRD, "again")
    live.outside.executions.statuses[execution(SECOND)] = "FAILED"
    live.close("failed", SECOND)
    live.drop_code("later")
    assert live.register("20260203-090000-0e3f", "later")["status"] == "registered"


def test_how_traffic_shifts_and_broken_glass_may_be_asked_for(live: Story) -> None:
    live.policy["overridable"].append("canary.strategy")
    live.deploy_code()
    strategy = {"type": "linear", "percent": 10, "everyMinutes": 2}
    live.drop_code(overrides={"canary": {"strategy": strategy}}, requestedBy="ana", breakGlass={"reason": "it mends"})
    assert live.register(SECOND, "code")["status"] == "registered"
    record = live.outside.releases.get(SECOND)
    assert record.item["strategy"]["type"] == "linear"
    assert record.item["manifest"]["breakGlass"] == {"reason": "it mends"}


# ---- gates and test ----


def test_the_gates_judge_what_can_be_judged(live: Story) -> None:
    live.drop_code()
    live.register(SECOND, "code")
    verdict = live.check_gates(SECOND)
    assert verdict["passed"]
    assert verdict["metrics"]["candidate"] == verdict["metrics"]["champion"] == {"rmse": 4.0, "r2": 0.9}
    assert f"the model is that of release {FIRST}" in verdict["notes"][0]


def test_todays_limits_hold_for_yesterdays_model(live: Story) -> None:
    live.policy["gates"][0]["atMost"] = 3.0
    live.deploy_code()
    live.drop_code()
    live.register(SECOND, "code")
    assert live.check_gates(SECOND)["failures"] == ["rmse 4 is above the limit 3"]


def test_every_check_goes_through_the_new_code_and_the_live_version_answers_beside(live: Story) -> None:
    live.until_asked_about_code()
    dev_test = live.outside.releases.get(SECOND).section("devTest")
    found = dev_test["inference"]
    assert dev_test["codeSha256"] == found["new"]["code"] == "code-2"
    assert found["live"] == {"version": "2", "code": "code-1", "settings": {"memoryMegabytes": 512}}
    assert found["differences"] == ["code code-1 → code-2"]
    assert found["comparison"] == {
        "rows": 3,
        "identical": True,
        "differing": 0,
        "largestDistance": 0,
        "latencyMilliseconds": {"p50": 5, "p99": 5},
    }
    assert dev_test["replay"]["largestDistance"] == 0
    asked = {name for name, _ in live.outside.predictions.calls}
    assert f"{MODEL}-{SECOND}-dev" in asked
    assert f"{MODEL}-{SECOND}-prod" not in asked


def answering(story: Story, change: Any) -> None:
    """Let what isn't published answer otherwise."""

    def answer(version: str, event: Any) -> Invocation:
        given = story.predict(version, event)
        if version != LATEST:
            return given
        document = json.loads(given.payload)
        return Invocation(json.dumps(change(document)).encode())

    story.outside.functions.answer = answer


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda answer: {**answer, "statusCode": 500}, "the new code answered 500"),
        (lambda answer: {**answer, "body": "nonsense"}, "isn't a number"),
        (lambda answer: {**answer, "headers": {"x-release-id": FIRST}}, f"the new code answers as release '{FIRST}'"),
        (lambda answer: {}, "the new code's answer can't be read"),
    ],
)
def test_code_that_answers_wrongly_fails_before_a_person_is_asked(live: Story, change: Any, words: str) -> None:
    live.drop_code()
    live.register(SECOND, "code")
    live.check_gates(SECOND)
    answering(live, change)
    verdict = live.test_endpoint(SECOND)
    assert not verdict["passed"]
    assert words in "; ".join(verdict["failures"])


def test_other_answers_are_shown_and_fail_nothing(live: Story) -> None:
    def worded(answer: dict[str, Any]) -> dict[str, Any]:
        return {**answer, "body": answer["body"].replace('": ', '":  ')} if "{" in answer["body"] else answer

    live.drop_code()
    live.register(SECOND, "code")
    live.check_gates(SECOND)
    answering(live, worded)
    assert live.test_endpoint(SECOND)["passed"]
    assert live.outside.releases.get(SECOND).section("devTest")["inference"]["comparison"]["identical"], (
        "blanks in JSON"
    )

    def doubled(answer: dict[str, Any]) -> dict[str, Any]:
        body = answer["body"]
        if "{" not in body:
            return {**answer, "body": "".join(f"{2 * float(line)}\n" for line in body.splitlines())}
        document = json.loads(body)
        document["predictions"] = [{"score": 2 * entry["score"]} for entry in document["predictions"]]
        return {**answer, "body": json.dumps(document)}

    answering(live, doubled)
    assert live.test_endpoint(SECOND)["passed"]
    comparison = live.outside.releases.get(SECOND).section("devTest")["inference"]["comparison"]
    assert (comparison["identical"], comparison["differing"], comparison["largestDistance"]) == (False, 3, 33)
    page = live.show(live.ask(SECOND))["body"]
    assert "3 of the 3 golden rows score differently, by 33 at most" in page


def test_a_live_version_that_fails_is_told_and_does_not_stop_what_mends_it(live: Story) -> None:
    def answer(version: str, event: Any) -> Invocation:
        return live.predict(version, event) if version == LATEST else Invocation(b"{}", "Unhandled")

    live.outside.functions.answer = answer
    page = live.show(live.until_asked_about_code())["body"]
    assert "couldn&#x27;t answer the golden rows to compare with: the live version 2 failed" in page


def test_slow_code_fails(live: Story) -> None:
    live.drop_code()
    live.register(SECOND, "code")
    live.check_gates(SECOND)
    live.outside.predictions.milliseconds = itertools.repeat(400.0)
    assert "above the limit 100 ms" in live.test_endpoint(SECOND)["failures"][0]


def test_a_deploy_while_the_code_is_tested_tests_again(live: Story) -> None:
    live.drop_code()
    live.register(SECOND, "code")
    live.check_gates(SECOND)
    score = live.outside.predictions.score

    def deploying(row: list[float]) -> object:
        live.outside.functions.deploy("code-3")
        return score(row)

    live.outside.predictions.score = deploying
    with pytest.raises(TransientError, match="deployed anew"):
        live.test_endpoint(SECOND)
    assert live.test_endpoint(SECOND)["codeSha256"] == "code-3"


# ---- asking ----


def test_mail_and_page_say_that_it_is_a_code_release_and_what_differs(live: Story) -> None:
    page = live.show(live.until_asked_about_code())["body"]
    _, mail = live.outside.topic.sent[-1]
    for words in (
        "This release changes the inference code alone",
        f"the model stays that of release {FIRST}",
        "Both versions answer the 3 golden rows identically",
    ):
        assert words in mail
        assert words in page
    for words in ("Live (version 2)", "code-1", "code-2", "Today&#x27;s limits", "faster parsing", "No new data"):
        assert words in page
    assert "Code release" in mail


def test_a_model_release_says_that_the_code_changes_too(live: Story) -> None:
    page = live.show(live.until_asked(SECOND, "tuesday", champion=4.0))["body"]
    _, mail = live.outside.topic.sent[-1]
    for words in ("The inference code or its settings have changed too", "code code-1 → code-2"):
        assert words in page
    assert "have changed too" in mail
    evidence = live.outside.objects.read_json(f"s3://{ARTIFACTS}/releases/{SECOND}/evidence.json")
    assert evidence["inference"]["new"]["code"] == "code-2"
    assert evidence["inference"]["live"]["code"] == "code-1"


def test_a_model_release_with_the_code_that_serves_says_so(story: Story) -> None:
    story.until_live()
    assert (
        "The inference code stays as it serves."
        in story.show(story.until_asked(SECOND, "tuesday", champion=4.0))["body"]
    )
    assert "inference code" not in story.outside.topic.sent[-1][1]


def test_new_code_that_does_not_suit_a_new_model_fails_its_test(live: Story) -> None:
    live.drop("tuesday", later=b"size,price\n8,2\n")
    live.register(SECOND, "tuesday")
    live.run_jobs(SECOND, champion=4.0)
    live.check_gates(SECOND)
    answering(live, lambda answer: {**answer, "body": answer["body"].replace("11.5", "12.5")})
    assert live.test_endpoint(SECOND)["failures"] == [
        "golden row 1 scores 12.5 through the new code; the dev endpoint said 11.5"
    ]


def test_evidence_of_the_release_that_trained_the_model_stays(live: Story) -> None:
    uri = f"s3://{ARTIFACTS}/releases/{FIRST}/evidence.json"
    before = live.outside.objects.content[uri]
    live.until_asked_about_code()
    assert live.outside.objects.content[uri] == before


# ---- a deploy between approval and version ----


@pytest.mark.parametrize(
    ("code", "settings", "words"),
    [
        ("code-3", {}, "code code-2 → code-3"),
        ("code-2", {"memoryMegabytes": 1024}, "memoryMegabytes 512 → 1024"),
    ],
)
def test_a_yes_is_void_when_the_function_was_deployed_since(
    live: Story, code: str, settings: dict[str, Any], words: str
) -> None:
    live.decide(live.until_asked_about_code())
    live.outside.functions.deploy(code, **settings)
    answer = live.take_lock(SECOND)
    assert answer["status"] == "stale"
    assert words in answer["reason"]
    lock = live.outside.memory.lock
    assert lock is None or lock.holder != SECOND


def test_a_version_that_is_not_what_was_tested_gets_no_traffic(live: Story) -> None:
    live.decide(live.until_asked_about_code())
    assert live.take_lock(SECOND)["status"] == "taken"
    live.outside.functions.deploy("code-2", timeoutSeconds=3)
    live.publish(SECOND, "3")
    answer = live.hook("check_version", "3")
    assert answer["status"] == "Failed"
    assert "isn't the inference code that was tested: timeoutSeconds none → 3" in "; ".join(answer["failures"])


def test_a_code_release_goes_live_is_watched_and_can_be_followed_by_a_model_release(live: Story) -> None:
    live.go_live(live.until_asked_about_code(), SECOND, "3")
    record = live.outside.releases.get(SECOND)
    assert record.state is State.LIVE
    assert f"the model stays that of release {FIRST}" in live.outside.topic.sent[-1][1]
    event = json.loads((ROOT / "events/plan_monitoring/asked_for.json").read_text())
    answer = live.call("plan_monitoring", {**event, "releaseId": SECOND, "start": None, "end": None})
    assert answer["endpointName"] == f"{MODEL}-{SECOND}-prod"
    assert answer["baseline"] == f"s3://{ARTIFACTS}/releases/{FIRST}/baseline"
    live.go_live(live.until_asked(THIRD, "tuesday", champion=4.0), THIRD, "4")
    assert live.outside.releases.get(THIRD).champion is not None
