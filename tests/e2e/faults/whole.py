"""The whole app on the local AWS: a live champion, users who ask without pause, and releases to which faults happen."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from hashlib import sha256
from typing import Any

from demo.release import Execution, approval_link, decide
from demo.traffic import Traffic
from tests.e2e.conftest import App
from tests.e2e.faults.rows import LEFT, WHOLE, Row
from tests.e2e.faults.states import ends

START, YES, TRAFFIC = "start", "yes", "traffic"
FIRST_MEMORY = 520
"""Megabytes; a release of code alone changes nothing but the inference function's memory, by 8."""
ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
ROWS = 1200
PATIENCE = 240.0


@dataclass(frozen=True, slots=True)
class Fault:
    """What is sent to `/_localaws/faults`. Once there is a release, `{release}` in a pattern stands for it."""

    place: str
    effect: dict[str, Any]
    match: dict[str, Any] = field(default_factory=dict)
    often: dict[str, int] = field(default_factory=dict)
    when: str = START
    """When it is set: before the drop, once a person has said yes, or once users meet the candidate."""


@dataclass
class Seen:
    """One release and what happened to it."""

    execution: Execution
    began: float
    faults: int = 0
    """How many were to be set."""
    struck: list[dict[str, Any]] = field(default_factory=list)
    """What those match that struck."""
    ended: dict[str, Any] = field(default_factory=dict)
    bad_answers: int = 0
    """Answers of the candidate's own container that a fault had spoilt."""


@dataclass
class Whole:
    """The app, its users, and how to break a release."""

    app: App
    users: Traffic
    lines: list[str]
    """A good data set; the first is its head."""
    drops: int = 0

    def data(self) -> dict[str, bytes]:
        """A drop that nobody has dropped before, and nearly the same."""
        self.drops += 1
        return {"parcels.csv": "\n".join([self.lines[0], *self.lines[1 + self.drops : ROWS + self.drops], ""]).encode()}

    def begin(self, name: str, *, code: bool = False, overrides: dict[str, Any] | None = None) -> Seen:
        """Drop data, or ask for changed code to be released with the champion's model; the release that begins."""
        began = time.monotonic()
        if not code:
            files = self.data()
            return Seen(self.app.drop(name, files, {"files": [*files], "overrides": overrides or {}}), began)
        self.drops += 1
        functions, function = self.app.stack.aws.client("lambda"), self.app.stack.outputs["PredictFunctionName"]
        functions.update_function_configuration(FunctionName=function, MemorySize=FIRST_MEMORY + 8 * self.drops)
        functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
        return Seen(self.app.drop(name, {}, {"release": "code", "description": name}), began)

    def release(
        self,
        name: str,
        *faults: Fault,
        during: Callable[[Seen], None] = lambda _: None,
        code: bool = False,
        overrides: dict[str, Any] | None = None,
    ) -> Seen:
        """Make a release with faults, from the drop to its end; `during` is called again and again meanwhile."""
        aws = self.app.stack.aws
        waiting = {when: [fault for fault in faults if fault.when == when] for when in (START, YES, TRAFFIC)}
        for fault in waiting.pop(START):
            self._inject(fault)
        seen = self.begin(name, code=code, overrides=overrides)
        seen.faults, approved = len(faults), False

        def inject(when: str) -> None:
            for fault in waiting.pop(when, []):
                self._inject(fault, self.release_id(seen))

        def look() -> bool:
            nonlocal approved
            if not approved and seen.execution.is_in("Ask for Approval"):
                link = self._link(seen)
                if link:
                    inject(YES)
                    decide(link, decision="approve", model_name=self.app.model_name, name="Test Person")
                approved = bool(link)
            if waiting.get(TRAFFIC) and self.app.shares():
                inject(TRAFFIC)
            during(seen)
            return False

        try:
            seen.ended = seen.execution.follow(lambda _step: None, until=look, patience=PATIENCE)
        except BaseException:
            aws.client("stepfunctions").stop_execution(executionArn=seen.execution.arn, cause="the test gave it up")
            raise
        finally:
            for found in aws.faults():
                seen.struck += [found["match"]] if found["struck"] else []
                if found["place"] == "answer" and found["effect"]["kind"] in ("status", "text"):
                    seen.bad_answers += found["struck"]
            aws.heal()
        return seen

    def _inject(self, fault: Fault, release: str = "") -> str:
        filled = json.loads(json.dumps(fault.match).replace("{release}", release))
        return self.app.stack.aws.inject(fault.place, fault.effect, filled, **fault.often)

    def release_id(self, seen: Seen) -> str:
        """The id that the machine derives from its execution."""
        started = seen.execution.describe()["startDate"].astimezone(UTC)
        return f"{started:%Y%m%d-%H%M%S}-{sha256(seen.execution.arn.encode()).hexdigest()[:4]}"

    def waits_because(self, seen: Seen) -> str:
        """Follow a release until it waits for the lock; why it does, as its record says."""
        release = self.release_id(seen)
        seen.execution.follow(lambda _: None, until=lambda: "waiting" in self.app.record(release))
        return str(self.app.record(release)["waiting"])

    def stopped_in(self, name: str, state: str, *, made: bool, code: bool = False) -> Seen:
        """Make a release, stop its execution by hand in a state, and wait until that is told and tidied up."""
        aws = self.app.stack.aws
        stopped: list[str] = []

        def stop(seen: Seen) -> None:
            if not stopped and any(fault["struck"] for fault in aws.faults()):
                aws.client("stepfunctions").stop_execution(executionArn=seen.execution.arn, cause="by hand")
                stopped.append(seen.execution.arn)

        seen = self.release(
            name, Fault("task", {"kind": "hold", "made": made}, {"state": state}, {"times": 1}), during=stop, code=code
        )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not self._told(self.release_id(seen)):
            time.sleep(0.2)
        return seen

    def _link(self, seen: Seen) -> str | None:
        return approval_link(self.app.stack.aws, self.release_id(seen))

    # ---- what must hold afterwards ----

    def judged(self, seen: Seen, state: str, fault: str, expected: str, *, strikes: bool = True) -> Row:
        """The row: what the world says, never what a step said."""
        release = self.release_id(seen)
        problems: list[str] = []
        outcome = self._outcome(seen, release)
        if outcome != expected:
            problems.append(f"{expected} was due: {seen.ended.get('cause')}")
        told = self._told(release)
        if not told:
            problems.append("nobody was told")
        left = self.left_behind()
        if left:
            problems.append(LEFT)
        failed = [a for a in self.users.since(seen.began) if a.status != 200]
        innocent = max(0, len(failed) - seen.bad_answers)
        if innocent:
            problems.append(f"users' requests failed: {[(a.status, a.body[:80]) for a in failed[:3]]}")
        if strikes and (not seen.faults or len(seen.struck) < seen.faults):
            problems.append(f"only {len(seen.struck)} of {seen.faults} faults struck: {seen.struck}")
        if self.app.shares():
            problems.append("traffic is still being shifted")
        count = str(innocent) + (f" ({len(failed)} by the candidate)" if seen.bad_answers else "")
        words = ", ".join(left) or "nothing"
        return Row(state, fault, outcome, count, words, "; ".join(told), WHOLE, tuple(problems))

    def _outcome(self, seen: Seen, release: str) -> str:
        entered = seen.execution.entered()
        if seen.ended["status"] != "ABORTED":
            return entered[-1] if entered[-1] in ends() else f"{entered[-1]}: {seen.ended['status']}"
        return f"Stopped, recorded as {self.app.record(release).get('state', 'nothing')}"

    def _told(self, release: str) -> list[str]:
        subjects = [str(mail.get("subject", "")) for mail in self.app.mails_about(release)]
        return [ID.sub("candidate", s).replace("parcels: ", "") for s in subjects if "asks for" not in s]

    def left_behind(self, patience: float = 60) -> list[str]:
        """What isn't the live release's; what is just being deleted gets a moment."""
        deadline = time.monotonic() + patience
        while True:
            left = self._left()
            if not left or time.monotonic() > deadline:
                return left
            time.sleep(0.3)

    def _left(self) -> list[str]:
        stack, aws = self.app.stack, self.app.stack.aws
        version = aws.client("lambda").get_function_configuration(
            FunctionName=stack.outputs["PredictFunctionName"], Qualifier=self.app.alias()["FunctionVersion"]
        )
        live = version["Environment"]["Variables"].get("RELEASE_ID", "none")
        targets = aws.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
        found = [f"scaling of {t['ResourceId']}" for t in targets["ScalableTargets"]]
        found += [f"schedule {s['Name']}" for s in aws.client("scheduler").list_schedules()["Schedules"]]
        found += sorted(self.app.sagemaker_resources())
        sagemaker = aws.client("sagemaker")
        running = {"StatusEquals": "InProgress"}
        found += [
            f"job {j['TrainingJobName']}" for j in sagemaker.list_training_jobs(**running)["TrainingJobSummaries"]
        ]
        jobs = sagemaker.list_processing_jobs(**running)["ProcessingJobSummaries"]
        found += [f"job {j['ProcessingJobName']}" for j in jobs]
        left = [ID.sub("candidate", name) for name in found if ID.search(name) and live not in name]
        return [*left, *(["the lock"] if self.app.lock_holder() else [])]
