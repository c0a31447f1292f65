"""A shift of traffic, told over fakes: what people ask, what the log says, and the looks at it."""

from __future__ import annotations

import itertools
import json
import random
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from safe_deploy.domain.ports import DeploymentProgress, Invocation, LifecycleEvent, LogEvent

from tests.fakes.story import FIRST, MODEL, SECOND, Story

DEPLOYMENT = "d-3"
CHAMPION_ENDPOINT = f"{MODEL}-{FIRST}-prod"
CHANCE = random.Random


class Shift:
    """A release with a champion, whose traffic is being shifted."""

    def __init__(self, story: Story, seed: int = 7) -> None:
        self.story, self.outside = story, story.outside
        self.chance = CHANCE(seed)
        self.looks = itertools.count(1)
        self.deployment = DEPLOYMENT
        self.worse: dict[str, Any] = {}
        """What the candidate does otherwise than the champion: errors (a share), latency, prediction."""
        self.stage("BeforeAllowTraffic")

    def stage(self, event: str, status: str = "InProgress", ago: float = 0.0) -> None:
        """Bring the deployment to one of its lifecycle events."""
        started: datetime = self.outside.clock.now() - timedelta(seconds=ago)
        self.outside.deployments.stages[self.deployment] = DeploymentProgress(
            "InProgress", "no reason given", (LifecycleEvent(event, status, started),)
        )

    def end(self, status: str, message: str = "no reason given") -> None:
        """End the deployment."""
        self.outside.deployments.stages[self.deployment] = DeploymentProgress(status, message)

    def share(self, weight: float) -> None:
        """Give the candidate a share of the traffic."""
        self.outside.functions.weights = {"3": weight} if weight else {}
        self.stage("AllowTraffic")

    def live(self, requests: int, seconds: float = 10.0, lag: int = 200) -> None:
        """Let people send requests, evenly over so many seconds, which pass."""
        weight = self.outside.functions.weights.get("3", 0.0)
        for _ in range(requests):
            self.outside.clock.advance(seconds / requests)
            version = "3" if self.chance.random() < weight else "2"
            self.log(self.line(version), version, lag)

    def line(self, version: str, **changes: Any) -> dict[str, Any]:
        """What functions/predict writes for one request."""
        worse = self.worse if version == "3" else {}
        failed = self.chance.random() < worse.get("errors", 0.0)
        return {
            "requestId": str(uuid.UUID(int=self.chance.getrandbits(128), version=4)),
            "version": version,
            "status": 500 if failed else 200,
            "coldStart": False,
            "Latency": self.chance.lognormvariate(2, 0.2) * worse.get("latency", 1.0),
            "prediction": None if failed else self.chance.gauss(10, 2) + worse.get("prediction", 0.0),
            **changes,
        }

    def log(self, line: dict[str, Any] | str, version: str, lag: int = 200) -> None:
        """Leave a line in the log."""
        at = int(self.outside.clock.now().timestamp() * 1000)
        text = line if isinstance(line, str) else json.dumps(line)
        self.outside.request_logs.events.append(LogEvent(at, at + lag, f"2026/02/01/predict[{version}]ab", text))

    def look(self, number: int | None = None) -> dict[str, Any]:
        """Let the state machine look."""
        answer: dict[str, Any] = self.story.call("watch_shift", self.event(number or next(self.looks)))
        return answer

    def decide(self) -> dict[str, Any]:
        """Let the state machine ask for the decision."""
        answer: dict[str, Any] = self.story.call("watch_shift", self.event(0))
        return answer

    def event(self, look: int) -> dict[str, Any]:
        return {
            "releaseId": SECOND,
            "deploymentId": self.deployment,
            "look": look,
            "version": "3",
            "previousVersion": "2",
        }

    @property
    def record(self) -> dict[str, Any]:
        """What stands in the release's record about its shift."""
        found: dict[str, Any] = self.outside.releases.get(SECOND).item["shift"]
        return found

    def audited(self) -> list[str]:
        """Return the events of the audit trail that are about the shift."""
        audit = self.outside.releases.memory.audit
        return [e["event"] for e in audit if e["release"] == SECOND and e["event"].startswith("Shift")]


def prepared(story: Story, **canary: Any) -> Shift:
    """A second release, as far as its deployment, with requests to the champion before it."""
    story.policy["canary"] |= {"replayRequests": 0, **canary}
    story.deploy_code()
    story.until_live(FIRST, "monday", "2")
    story.outside.clock.advance(24 * 3600)
    story.decide(story.until_asked(SECOND, "tuesday", champion=4.1))
    assert story.take_lock(SECOND)["status"] == "taken"
    story.publish(SECOND, "3")
    shift = Shift(story)
    shift.live(600, seconds=120)
    return shift


def capture(shift: Shift, rows: int) -> None:
    """Let the champion have been asked some rows lately."""
    for number in range(rows):
        shift.story.capture(CHAMPION_ENDPOINT, f"{number}.5,{number}\n", f"{number}.0\n")


def answering(shift: Shift) -> None:
    """Let versions answer as functions/predict does: the invocation's log tells of it, and the log group, too."""

    def answer(version: str, event: Mapping[str, Any]) -> Invocation:
        shift.outside.clock.advance(0.01)
        line = shift.line(version)
        shift.log(line, version)
        text = f"START RequestId: {line['requestId']}\n{json.dumps(line)}\nEND RequestId: {line['requestId']}\n"
        return Invocation(b"{}", "", line["requestId"], text)

    shift.outside.functions.answer = answer
