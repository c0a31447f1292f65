"""Going back rehearsed: two releases in memory, and the rollback machine between them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

from safe_deploy.domain.names import release_id_of
from safe_deploy.domain.ports import ModelPackage
from safe_deploy.errors import TransientError

from tests.e2e.faults.rehearsal import SERVED_BY, Rehearsal, Scenario
from tests.e2e.faults.states import ROLLBACK
from tests.fakes.aws import FakeContext
from tests.fakes.story import ARTIFACTS, FIRST, MODEL, SECOND, execution, load

ASKED = {"reason": "fares look too low", "by": "Ada"}
ARN = "arn:aws:states:eu-west-1:111122223333:execution:rollback:1"
PACKAGE = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/taxi-fare/1"
HOOKS = {"BeforeAllowTraffic": "CheckVersion", "AfterAllowTraffic": "CheckTraffic"}
MINUTE = 60.0
SHIFT_MINUTES = 10
LAMBDA_TRIES = 3
"""How often Lambda calls a function that was invoked asynchronously."""


@dataclass(frozen=True, slots=True)
class WayBack(Scenario):
    """How going back would go if nothing else went wrong."""

    gone: bool = False
    """Whether the endpoint to go back to was retired, and has to be made anew."""
    shifting: bool = False
    """Whether traffic is just being shifted to the release that one comes back from."""


class RollbackRehearsal(Rehearsal):
    """One world in memory, in which production goes back once, from the second release to the first."""

    machine: ClassVar[str] = ROLLBACK
    scenario: WayBack

    def go(self) -> None:
        """Run the rollback machine to its end, and then what follows when it was stopped."""
        self.make_champion()
        self._make_second()
        self.account.users_ask()
        if self.run_machine(ASKED, ARN).status != "SUCCEEDED":
            self._tidy_up()
        if self.scenario.shifting:
            self._let_the_second_end()
        self.story.outside.executions.statuses[execution(SECOND)] = "SUCCEEDED"

    def recorded(self) -> str | None:
        """What the rollback's record says; None when nobody was told of it."""
        executions = self.story.outside.executions
        record = self.story.outside.rollbacks.find(f"rollback-{release_id_of(ARN, executions.start)}")
        return str(record["outcome"]) if record.get("told") else None

    def _make_second(self) -> None:
        story, endpoints = self.story, self.story.outside.endpoints
        link = story.until_asked(SECOND, "tuesday", champion=4.5)
        data = f"s3://{ARTIFACTS}/releases/{FIRST}/model/{MODEL}-{FIRST}-train/output/model.tar.gz"
        story.outside.packages.packages[PACKAGE] = ModelPackage("Approved", "image", data)
        story.outside.memory.releases[FIRST]["modelPackageArn"] = PACKAGE
        if self.scenario.shifting:
            self._shift_to_second(link)
        else:
            story.go_live(link, SECOND, "3")
            endpoints.schedules.add(f"{MODEL}-{SECOND}-monitor")
        endpoints.scaling.add(f"{MODEL}-{SECOND}-prod")
        self.account.instances[f"{MODEL}-{SECOND}-prod"] = SERVED_BY
        if self.scenario.gone:
            load("clean_up_release").handler(
                {"releaseId": FIRST, "executionArn": execution(SECOND), "scope": "all", "retire": True},
                FakeContext(),
                outside=story.outside,
            )
            endpoints.finish_deleting()

    def _shift_to_second(self, link: str) -> None:
        """Traffic is on its way to the second release, whose execution waits for that."""
        story = self.story
        story.decide(link)
        story.take_lock(SECOND)
        story.publish(SECOND, "3")
        self.account.shifts.configure(
            {
                "DeploymentConfigName": "half",
                "TrafficRoutingConfig": {
                    "TimeBasedCanary": {"canaryPercentage": 50, "canaryInterval": SHIFT_MINUTES},
                },
            }
        )
        hooks = [{name: f"arn:function:{function}Function"} for name, function in HOOKS.items()]
        content = json.dumps({"CurrentVersion": "2", "TargetVersion": "3", "Hooks": hooks})
        self.account.shifts.begin(
            {"DeploymentConfigName": "half", "Revision": {"AppSpecContent": {"Content": content}}}
        )
        self.account.shifts.heed_stops()
        assert story.outside.functions.weights == {"3": 0.5}

    def _tidy_up(self) -> None:
        """What EventBridge calls for an execution that did not succeed."""
        for attempt in range(LAMBDA_TRIES):
            try:
                load("close_rollback").handler({"stoppedExecutionArn": ARN}, FakeContext(), outside=self.story.outside)
            except TransientError:
                self.account.pass_time(MINUTE * (attempt + 1))
            else:
                return

    def _let_the_second_end(self) -> None:
        """The release that was shifting ends by itself: it can't pass, for a rollback has taken its lock."""
        for _ in range(2):
            self.account.pass_time(SHIFT_MINUTES * MINUTE)
        for _ in range(2):
            event = {"releaseId": SECOND, "scope": "all"}
            load("clean_up_release").handler(event, FakeContext(), outside=self.story.outside)
            self.story.outside.endpoints.finish_deleting()
        self.story.close("rolledBack", SECOND, error={"Error": "ShiftFailed", "Cause": "it was stopped"})
