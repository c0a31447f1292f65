"""One look at a shift: is it over, does a hook hang, is the candidate worse? Called by watch_shift.

wait     look again after `seconds`
shifted  all traffic goes to the candidate, every hook agreed
ended    CodeDeploy has ended the deployment by itself: a hook, an alarm, a person
stop     the deployment has to be stopped, for `reason`
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from safe_deploy.domain.analysis import CANDIDATE, Analysis, AnalysisPolicy, Status, Verdict
from safe_deploy.domain.monitoring import iso
from safe_deploy.domain.ports import DeploymentProgress, Outside
from safe_deploy.domain.release import Release
from safe_deploy.domain.shift.evidence import Versions, collect, history
from safe_deploy.domain.shift.record import ShiftRecord
from safe_deploy.domain.shift.replaying import FAIR, LONGEST, Replayer, captured_rows
from safe_deploy.domain.shift.state import ShiftState, place
from safe_deploy.errors import ConditionFailedError, NotFoundError, TransientError

REPLAYED_AT_ONCE = 100
REPLAY_SECONDS = 25.0
"""Seconds after a look's beginning within which requests are sent again. With the longest answer and what a look does
besides it ends before its function's time is up, even if every version hangs."""
ENOUGH_LIVE = REPLAYED_AT_ONCE // 2
"""Live requests of the candidate since the last look that make it needless to replay any."""
HOOK_SLACK = 30
"""Seconds beyond its function's time-out before a hook counts as dead."""
LAST_LOOK = 30
"""Seconds before the deadline by which a look is to begin, so that the decision knows what happened lately."""
MOST_LOOKS = 2000
"""More than the longest shift takes; the execution's history must not overflow."""
STATE_LIMIT = 8 * 1024 * 1024
PATIENCE, PAUSE = 75.0, 2.0
"""Seconds after a look's beginning for which another attempt of the same look is waited for; seconds between tries."""


@dataclass(frozen=True, slots=True)
class LookRequest:
    """What the state machine asks for."""

    deployment_id: str
    look: int
    versions: Versions


class Watch:
    """Looks at one deployment of one release."""

    def __init__(
        self, release: Release, request: LookRequest, outside: Outside, hook_seconds: Mapping[str, int]
    ) -> None:
        self.release, self.request, self.outside = release, request, outside
        self.hook_seconds = hook_seconds
        self.policy = release.policy.canary
        self.record = ShiftRecord.of(release, request.deployment_id)
        self.now: datetime = outside.clock.now()
        self._began = outside.clock.seconds()
        self._etag: str | None = None

    def look(self) -> dict[str, Any]:
        """Return the answer; a look that was answered before is answered the same, and counts nothing twice."""
        if not self._is_judged:
            return self._answer(self._progress())
        try:
            return self._look()
        except ConditionFailedError:
            return self._another()

    def _look(self) -> dict[str, Any]:
        state = self._load()
        if state is not None and state.look == self.request.look:
            return self._repeat(state)
        progress = self._progress()
        state = state or self._begin()
        analysis = Analysis.from_state(state.analysis)
        if not progress.has_ended:
            self._observe(state, analysis, progress)
        verdict = self._verdict(state, analysis)
        self.record = self.record.after(verdict, state, self.request.look, self.now)
        answer = self._answer(progress, verdict)
        answer["seconds"] = self._pause(answer["seconds"], state)
        state.analysis, state.look, state.answer = analysis.to_state(), self.request.look, answer
        state.record, state.looked = self.record.content, self._milliseconds
        self._save(state)
        return answer

    def _repeat(self, state: ShiftState) -> dict[str, Any]:
        """Answer as the first attempt did, and leave the record as it meant to: it may not have come to write it."""
        if state.record:
            self.record = replace(self.record, content=state.record)
            self.now = datetime.fromtimestamp(state.looked / 1000, UTC)
        return state.answer

    def _another(self) -> dict[str, Any]:
        """Answer as another attempt of this look does, which has written the state since this one read it."""
        while self._age < PATIENCE:
            state = self._load()
            if state is not None and state.look == self.request.look:
                return self._repeat(state)
            self.outside.clock.sleep(PAUSE)
        raise TransientError(f"another attempt of look {self.request.look} has begun and not answered yet")

    @property
    def _age(self) -> float:
        """Return for how many seconds this attempt has lasted."""
        return self.outside.clock.seconds() - self._began

    @property
    def _is_judged(self) -> bool:
        return self.release.champion is not None and self.release.strategy.is_stepwise

    def _progress(self) -> DeploymentProgress:
        return self.outside.deployments.progress(self.request.deployment_id)

    def _answer(self, progress: DeploymentProgress, verdict: Verdict | None = None) -> dict[str, Any]:
        said = str(verdict.status) if verdict else "not judged"
        seconds = self.release.strategy.pause_seconds(self.policy.further_windows)
        answer = {"status": "wait", "reason": "", "verdict": said, "seconds": seconds}
        if progress.status == "Succeeded":
            return {**answer, "status": "shifted"}
        if progress.has_ended:
            reason = f"deployment {self.request.deployment_id} is {progress.status}: {progress.message}"
            return {**answer, "status": "ended", "reason": reason}
        if verdict is not None and verdict.status is Status.FAIL:
            return {**answer, "status": "stop", "reason": verdict.reason}
        if self.request.look >= MOST_LOOKS:
            return {**answer, "status": "stop", "reason": f"the deployment has not ended after {MOST_LOOKS} looks"}
        hanging = progress.hanging_hook(self.now, self.hook_seconds, HOOK_SLACK)
        if hanging:
            return {**answer, "status": "stop", "reason": hanging}
        return answer

    def _pause(self, seconds: int, state: ShiftState) -> int:
        """Return how long to wait; less than usual where a look would otherwise come long before the deadline."""
        left = self.release.strategy.decide_seconds - LAST_LOOK - (self._milliseconds - state.began) // 1000
        return min(seconds, left) if left > 0 else seconds

    # ---- the evidence ----

    def _begin(self) -> ShiftState:
        """Begin with the champion's requests before the shift, or with what an earlier window has gathered."""
        earlier = self.record.previous_deployment
        if earlier:
            found = self._read(earlier)
            if found is not None:
                return replace(found, look=0, began=self._milliseconds, weight=None)
        past, lag = history(self.outside.request_logs, self.request.versions, self._milliseconds)
        weight = self.release.strategy.percent / 100
        analysis = Analysis(self._tolerances(), weight, past)
        return ShiftState(analysis.to_state(), began=self._milliseconds, lag=lag)

    def _tolerances(self) -> AnalysisPolicy:
        """Return the policy's tolerances; what the approver saw of the predictions' shift is granted on top."""
        seen = ((self.release.item.get("devTest") or {}).get("replay") or {}).get("largestShift")
        return self.policy.analysis if seen is None else self.policy.analysis.having_seen(float(seen))

    def _observe(self, state: ShiftState, analysis: Analysis, progress: DeploymentProgress) -> None:
        weight = self._weight() if progress.is_shifting else None
        after = milliseconds(self.outside.clock.now())
        if state.replaying:
            state.replaying = False
            state.blind(after + 1000 * (round(REPLAY_SECONDS) + LONGEST))
        state.see(weight, self._milliseconds, after)
        found = collect(state, self.outside.request_logs, self.request.versions, self._milliseconds)
        for share, observation in found:
            analysis.shift(share)
            analysis.observe(observation)
        if weight is not None:
            self._replay(state, analysis, sum(observation.version == CANDIDATE for _, observation in found))

    def _verdict(self, state: ShiftState, analysis: Analysis) -> Verdict:
        """Return the analysis's verdict: no pass as long as the log isn't read as far as it could be."""
        verdict = analysis.verdict()
        if not state.behind or verdict.status is not Status.PASS:
            return verdict
        until = iso(datetime.fromtimestamp(state.read_until / 1000, UTC))
        reason = f"Not enough evidence: the log is read only up to {until}, and all was proven up to there."
        return replace(verdict, status=Status.INSUFFICIENT, reason=reason)

    def _weight(self) -> float | None:
        """Return the candidate's share as the alias has it; None unless both versions serve."""
        share = self.outside.functions.live().others.get(self.request.versions.candidate, 0.0)
        return share if 0 < share < 1 else None

    def _replay(self, state: ShiftState, analysis: Analysis, live: int) -> None:
        """Replay, unless live traffic tells enough by itself, or the verdict is known."""
        number = min(REPLAYED_AT_ONCE, self.policy.replay_requests - state.replayed)
        if number <= 0 or live >= ENOUGH_LIVE or analysis.status is not Status.INSUFFICIENT:
            return
        rows = captured_rows(self.release, self.outside)
        if not rows:
            return
        self._save(replace(state, analysis=analysis.to_state(), replaying=True, replayed=state.replayed + number))
        replayer = Replayer(self.outside.functions, self.outside.clock, self.request.versions, random.SystemRandom())
        answered = replayer.send(rows, number, REPLAY_SECONDS - self._age)
        analysis.shift(FAIR)
        for served, observation in answered:
            state.count(served.request_id, round(served.time * 1000))
            analysis.observe(observation)
        state.replayed += len(answered) + len(replayer.lost)
        if replayer.lost:
            state.blind(milliseconds(self.outside.clock.now()) + 1000 * LONGEST)

    # ---- where it is kept ----

    @property
    def _milliseconds(self) -> int:
        return milliseconds(self.now)

    def _load(self) -> ShiftState | None:
        """Read this deployment's state, and note as of which version; an older one's etag only fails to replace it."""
        uri = self._place(self.request.deployment_id)
        try:
            self._etag = self.outside.objects.describe(uri).etag
        except NotFoundError:
            return None
        return self._read(self.request.deployment_id)

    def _read(self, deployment_id: str) -> ShiftState | None:
        try:
            return ShiftState.parse(self.outside.objects.read(self._place(deployment_id), limit=STATE_LIMIT))
        except NotFoundError:
            return None

    def _save(self, state: ShiftState) -> None:
        uri = self._place(self.request.deployment_id)
        self._etag = self.outside.objects.replace(uri, state.encoded(), "application/json", previous=self._etag)

    def _place(self, deployment_id: str) -> str:
        return place(self.release, f"{deployment_id}.json")


def milliseconds(at: datetime) -> int:
    """Return a time as CloudWatch Logs has it."""
    return int(at.timestamp() * 1000)
