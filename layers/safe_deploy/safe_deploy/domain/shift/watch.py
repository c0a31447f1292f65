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
from safe_deploy.domain.ports import DeploymentProgress, Outside
from safe_deploy.domain.release import Release
from safe_deploy.domain.shift.evidence import Versions, collect, history
from safe_deploy.domain.shift.record import ShiftRecord
from safe_deploy.domain.shift.replaying import FAIR, Replayer, captured_rows
from safe_deploy.domain.shift.state import ShiftState, place
from safe_deploy.errors import NotFoundError

REPLAYED_AT_ONCE = 100
REPLAY_SECONDS = 20.0
ENOUGH_LIVE = REPLAYED_AT_ONCE // 2
"""Live requests of the candidate since the last look that make it needless to replay any."""
HOOK_SLACK = 30
"""Seconds beyond its function's time-out before a hook counts as dead."""
LAST_LOOK = 30
"""Seconds before the deadline by which a look is to begin, so that the decision knows what happened lately."""
MOST_LOOKS = 2000
"""More than the longest shift takes; the execution's history must not overflow."""
STATE_LIMIT = 8 * 1024 * 1024


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

    def look(self) -> dict[str, Any]:
        """Return the answer; a look that was answered before is answered the same, and counts nothing twice."""
        if not self._is_judged:
            return self._answer(self._progress())
        state = self._load()
        if state is not None and state.look == self.request.look:
            return self._repeat(state)
        progress = self._progress()
        state = state or self._begin()
        analysis = Analysis.from_state(state.analysis)
        if not progress.has_ended:
            self._observe(state, analysis, progress)
        verdict = analysis.verdict()
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
                return ShiftState(
                    found.analysis, began=self._milliseconds, replayed=found.replayed, live=found.live, lag=found.lag
                )
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
        if state.replaying:
            state.replaying, state.weight = False, None
        if weight == state.weight:
            state.seen_until = self._milliseconds if weight is not None else state.seen_until
        found = collect(state, self.outside.request_logs, self.request.versions, self._milliseconds)
        analysis.observe_many(found)
        if weight != state.weight:
            state.weight = weight
            if weight is not None:
                analysis.shift(weight)
                state.since = state.seen_until = state.read_until = self._milliseconds
        if weight is not None:
            self._replay(state, analysis, weight, sum(o.version == CANDIDATE for o in found))

    def _weight(self) -> float | None:
        """Return the candidate's share as the alias has it; None unless both versions serve."""
        share = self.outside.functions.live().others.get(self.request.versions.candidate, 0.0)
        return share if 0 < share < 1 else None

    def _replay(self, state: ShiftState, analysis: Analysis, weight: float, live: int) -> None:
        """Replay, unless live traffic tells enough by itself, or the verdict is known."""
        number = min(REPLAYED_AT_ONCE, self.policy.replay_requests - state.replayed)
        if number <= 0 or live >= ENOUGH_LIVE or analysis.status is not Status.INSUFFICIENT:
            return
        rows = captured_rows(self.release, self.outside)
        if not rows:
            return
        kept = replace(state, analysis=analysis.to_state(), replaying=True, replayed=state.replayed + number)
        self._save(kept)
        replayer = Replayer(self.outside.functions, self.outside.clock, self.request.versions, random.SystemRandom())
        sent = replayer.send(rows, number, REPLAY_SECONDS)
        analysis.shift(FAIR)
        for served, observation in sent:
            state.count(served.request_id, round(served.time * 1000))
            analysis.observe(observation)
        analysis.shift(weight)
        state.replayed += len(sent)

    # ---- where it is kept ----

    @property
    def _milliseconds(self) -> int:
        return int(self.now.timestamp() * 1000)

    def _load(self) -> ShiftState | None:
        return self._read(self.request.deployment_id)

    def _read(self, deployment_id: str) -> ShiftState | None:
        try:
            content = self.outside.objects.read(place(self.release, f"{deployment_id}.json"), limit=STATE_LIMIT)
        except NotFoundError:
            return None
        return ShiftState.parse(content)

    def _save(self, state: ShiftState) -> None:
        uri = place(self.release, f"{self.request.deployment_id}.json")
        self.outside.objects.write(uri, state.encoded(), "application/json")
