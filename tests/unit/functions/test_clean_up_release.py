"""What a release made is removed in AWS's order; what serves stays."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from safe_deploy.domain.live import Shift
from safe_deploy.domain.release import State
from safe_deploy.errors import AccessDeniedError, InvalidRequestError, LiveEndpointError, RefusedError, TransientError

from tests.fakes.story import FIRST, MODEL, SECOND, Story, execution

BASE = f"{MODEL}-{FIRST}"


@pytest.fixture
def leftovers(story: Story) -> Story:
    """A release with everything that one can have."""
    endpoints = story.outside.endpoints
    endpoints.add(f"{BASE}-dev")
    endpoints.add(f"{BASE}-prod")
    endpoints.scaling.add(f"{BASE}-prod")
    endpoints.schedules.add(f"{BASE}-monitor")
    endpoints.models.add(BASE)
    endpoints.add(f"{MODEL}-{SECOND}-prod")
    return story


def clean(story: Story, scope: str = "all", release_id: str = FIRST, **rest: Any) -> dict[str, Any]:
    answer: dict[str, Any] = story.call("clean_up_release", {"releaseId": release_id, "scope": scope, **rest})
    return answer


def test_everything_goes_in_order_and_the_machine_is_told_what_to_wait_for(leftovers: Story) -> None:
    answer = clean(leftovers)
    assert not answer["done"]
    assert answer["waitingFor"] == [
        f"endpoint {BASE}-dev to be deleted",
        f"endpoint {BASE}-prod to be deleted",
    ]
    assert clean(leftovers)["waitingFor"] == [
        f"endpoint {BASE}-dev, which is Deleting",
        f"endpoint {BASE}-prod, which is Deleting",
    ]
    leftovers.outside.endpoints.finish_deleting()
    assert clean(leftovers)["done"]
    assert leftovers.outside.endpoints.log == [
        f"schedule {BASE}-monitor",
        f"endpoint {BASE}-dev",
        f"scaling {BASE}-prod",
        f"endpoint {BASE}-prod",
        f"config {BASE}-dev",
        f"config {BASE}-prod",
        f"model {BASE}",
    ]
    assert clean(leftovers) == {"done": True, "removed": [], "waitingFor": [], "failures": [], "keptBy": ""}
    assert list(leftovers.outside.endpoints.endpoints) == [f"{MODEL}-{SECOND}-prod"]


def test_the_dev_endpoint_goes_alone(leftovers: Story) -> None:
    clean(leftovers, "dev")
    leftovers.outside.endpoints.finish_deleting()
    assert clean(leftovers, "dev")["done"]
    assert leftovers.outside.endpoints.log == [f"endpoint {BASE}-dev", f"config {BASE}-dev"]


def test_what_endpoints_have_logged_goes_in_time_once_they_are_gone(leftovers: Story) -> None:
    clean(leftovers)
    assert not leftovers.outside.endpoints.expiring, "they may still write"
    leftovers.outside.endpoints.finish_deleting()
    assert clean(leftovers)["done"]
    assert leftovers.outside.endpoints.expiring == {f"{BASE}-dev", f"{BASE}-prod"}


def test_logs_that_stay_for_ever_are_on_record_and_nothing_else_stays_for_them(
    leftovers: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(name: str) -> None:
        raise AccessDeniedError(f"let the log lines of the endpoint {name} expire: no")

    monkeypatch.setattr(leftovers.outside.endpoints, "expire_logs", denied)
    clean(leftovers, "dev")
    leftovers.outside.endpoints.finish_deleting()
    answer = clean(leftovers, "dev")
    why = f"let the log lines of the endpoint {BASE}-dev expire: no; they are kept for ever"
    assert (answer["done"], answer["removed"], answer["failures"]) == (True, [f"endpoint config {BASE}-dev"], [why])
    assert leftovers.outside.memory.audit[-1]["detail"]["failures"] == [why]


@pytest.mark.parametrize("status", ["Creating", "Updating", "RollingBack", "SystemUpdating"])
def test_an_endpoint_that_is_busy_is_waited_for(leftovers: Story, status: str) -> None:
    leftovers.outside.endpoints.add(f"{BASE}-dev", status)
    answer = clean(leftovers, "dev")
    assert not answer["done"]
    assert (answer["removed"], answer["waitingFor"]) == ([], [f"endpoint {BASE}-dev, which is {status}"])


@pytest.mark.parametrize("status", ["Failed", "OutOfService", "UpdateRollbackFailed"])
def test_an_endpoint_that_failed_is_removed(leftovers: Story, status: str) -> None:
    leftovers.outside.endpoints.add(f"{BASE}-dev", status)
    assert clean(leftovers, "dev")["removed"] == [f"endpoint {BASE}-dev"]


def test_what_production_serves_from_is_never_touched(story: Story) -> None:
    story.until_live()
    story.outside.endpoints.schedules.add(f"{BASE}-monitor")
    with pytest.raises(LiveEndpointError, match=f"production serves from the endpoint {BASE}-prod"):
        clean(story)
    assert story.outside.endpoints.log == []
    assert clean(story, "dev")["done"]


def test_a_removal_that_iam_denies_is_not_taken_for_one_of_what_serves(
    leftovers: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_name: str) -> bool:
        raise AccessDeniedError("delete the endpoint: AccessDeniedException")

    monkeypatch.setattr(leftovers.outside.endpoints, "remove_endpoint", denied)
    with pytest.raises(RefusedError, match="AccessDenied") as caught:
        clean(leftovers, retire=True)
    assert type(caught.value) is RefusedError


def test_what_still_gets_a_share_of_traffic_is_waited_for(leftovers: Story) -> None:
    leftovers.publish(FIRST, "7")
    leftovers.outside.functions.weights = {"7": 0.1}
    answer = clean(leftovers)
    assert f"traffic to leave the endpoint {BASE}-prod" in answer["waitingFor"]
    assert leftovers.outside.endpoints.endpoints[f"{BASE}-prod"].status == "InService"


def test_what_a_deployment_is_about_to_move_traffic_to_is_waited_for(leftovers: Story) -> None:
    """Its answer may have been lost, so that nobody follows it: traffic must not find the endpoint gone."""
    leftovers.publish(FIRST, "7")
    leftovers.outside.deployments.shift = Shift("d-1", "1", "7")
    assert f"traffic to leave the endpoint {BASE}-prod" in clean(leftovers)["waitingFor"]
    assert leftovers.outside.endpoints.endpoints[f"{BASE}-prod"].status == "InService"
    leftovers.outside.deployments.shift = Shift("d-2", "", "", undoes=True)
    assert f"endpoint {BASE}-prod to be deleted" in clean(leftovers)["waitingFor"]


def test_a_predecessor_is_recorded_as_retired(story: Story) -> None:
    story.until_live()
    story.publish(SECOND, "3")
    story.outside.functions.alias = "3"
    assert not clean(story, retire=True)["done"]
    record = story.outside.releases.get(FIRST)
    assert (record.state, bool(record.item["retiredAt"])) == (State.RETIRED, True), "noted before anything goes"
    story.outside.endpoints.finish_deleting()
    assert clean(story, retire=True)["done"]
    assert clean(story, retire=True)["done"]
    assert [entry["event"] for entry in story.outside.memory.audit].count("Retired") == 1


@pytest.fixture
def replaced(story: Story) -> Story:
    """A release whose successor is live and keeps it warm."""
    story.until_live()
    story.until_live(SECOND, "tuesday", "3", champion=4.5)
    return story


def test_who_moved_production_away_keeps_the_predecessor_warm_and_retires_it(replaced: Story) -> None:
    assert replaced.outside.releases.get(FIRST).keeper == execution(SECOND)
    assert not clean(replaced, retire=True, executionArn=execution(SECOND))["done"]
    assert replaced.outside.releases.get(FIRST).state is State.RETIRED


def test_a_release_that_another_running_execution_keeps_warm_stays(replaced: Story) -> None:
    answer = clean(replaced, retire=True, executionArn="arn:earlier")
    assert (answer["done"], answer["removed"], answer["keptBy"]) == (False, [], execution(SECOND))
    assert replaced.outside.releases.get(FIRST).state is State.LIVE
    assert replaced.outside.endpoints.log == []


@pytest.mark.parametrize("status", ["ABORTED", "FAILED", None])
def test_who_waited_takes_over_from_a_keeper_that_ended(replaced: Story, status: str | None) -> None:
    statuses = replaced.outside.executions.statuses
    statuses.pop(execution(SECOND))
    statuses.update({execution(SECOND): status} if status else {})
    assert clean(replaced, retire=True, executionArn="arn:earlier")["removed"]
    assert replaced.outside.releases.get(FIRST).state is State.RETIRED


def test_a_release_that_changes_hands_while_it_is_retired_is_looked_at_again(
    replaced: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = replaced.outside.releases.retire

    def late(release_id: str, keeper: str, now: datetime) -> Any:
        replaced.outside.memory.releases[FIRST]["keeper"] = "arn:a-rollback"
        return real(release_id, keeper, now)

    monkeypatch.setattr(replaced.outside.releases, "retire", late)
    with pytest.raises(TransientError, match="changed while it was retired"):
        clean(replaced, retire=True, executionArn=execution(SECOND))
    assert replaced.outside.endpoints.log == []


def test_a_release_without_a_record_is_cleaned_up_too(story: Story) -> None:
    assert clean(story)["done"]


@pytest.mark.parametrize("change", [{"scope": "prod"}, {"retire": "yes"}, {"release_id": "latest"}])
def test_a_wrong_request_is_the_callers_mistake(story: Story, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        clean(story, **change)
