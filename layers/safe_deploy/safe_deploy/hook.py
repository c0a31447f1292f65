"""Run a hook's check so that CodeDeploy always hears of it. Used by check_version and check_traffic.

A hook that stays silent holds the deployment for an hour. So check and record run in threads that are given up on in
time, and whatever happens in them, the verdict is reported. What this can't catch is a function that doesn't start, is
killed or can't reach CodeDeploy. Lambda then calls it again, twice; and watch_shift stops a deployment whose hook is
silent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aws_lambda_powertools import Logger

from safe_deploy.domain.deployment import HookEvent
from safe_deploy.domain.live import LiveVersion
from safe_deploy.domain.ports import Deployment, Outside
from safe_deploy.domain.release import Release
from safe_deploy.errors import SafeDeployError, TransientError

REPORTING_SECONDS = 30
"""Kept of the function's time for recording and for telling CodeDeploy; of a short time, half."""
RECORDING_SHARE = 1 / 3
"""Of that, the most that the record may take."""
REPORTS = 4
"""Times that CodeDeploy is told, if it is busy. Each time boto3 tries several times itself."""


class Context(Protocol):
    """What is needed of Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still run."""


@dataclass(slots=True)
class Finding:
    """What a check has found so far."""

    deployment_id: str
    deadline: float
    """Reading of the outside's clock until which the check may go on."""
    release_id: str = ""
    failures: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    finished: bool = False

    def expect(self, failure: str | None) -> bool:
        """Note a failure, if it is one; return whether all is well."""
        if failure:
            self.failures.append(failure)
        return not failure

    def verdict(self) -> Verdict:
        """Return what counts from now on, whatever a check that was given up on still does; silence is a failure."""
        failures = list(self.failures)
        if not failures and not self.finished:
            failures = ["the check did not finish in time"]
        return Verdict(self.deployment_id, self.release_id, failures, dict(self.facts))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is recorded and reported."""

    deployment_id: str
    release_id: str
    failures: list[str]
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a hook is asked about: a deployment, the version it shifts to, and that version's release."""

    deployment: Deployment
    version: LiveVersion
    release: Release


Check = Callable[[Finding, Subject, Outside], None]


def run_hook(
    event: dict[str, Any],
    context: Context,
    outside: Outside,
    check: Check,
    *,
    attribute: str,
    logger: Logger,
) -> dict[str, Any]:
    """Run a check, record its verdict in the release under `attribute`, report it, and return it."""
    hook = HookEvent.from_event(event)
    remaining = context.get_remaining_time_in_millis() / 1000
    kept = min(REPORTING_SECONDS, remaining / 2)
    finding = Finding(hook.deployment_id, outside.clock.seconds() + remaining - kept)

    def examine() -> None:
        try:
            check(finding, subject(finding, outside), outside)
        except SafeDeployError as error:
            finding.failures.append(str(error))
        except BaseException as error:
            finding.failures.append(f"the check broke: {type(error).__name__}: {error}")
            logger.exception("the check broke")
        finding.finished = True

    bounded(examine, remaining - kept)
    verdict = finding.verdict()
    bounded(lambda: record(verdict, outside, attribute, logger), kept * RECORDING_SHARE)
    told = {"status": "Failed" if verdict.failures else "Succeeded", "failures": verdict.failures, **verdict.facts}
    logger.info("hook reports", extra={"deployment": hook.deployment_id, "release": verdict.release_id, "told": told})
    report(hook, verdict, outside)
    return told


def bounded(work: Callable[[], None], seconds: float) -> None:
    """Do something in a thread, and wait for it no longer than so."""
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(seconds)


def subject(finding: Finding, outside: Outside) -> Subject:
    """Return what the deployment is about, noting it in the finding."""
    deployment = outside.deployments.get(finding.deployment_id)
    version = outside.functions.version(deployment.target_version)
    finding.release_id = version.release_id
    finding.facts.update(version=version.version, endpointName=version.endpoint_name)
    return Subject(deployment, version, outside.releases.get(version.release_id))


def record(verdict: Verdict, outside: Outside, attribute: str, logger: Logger) -> None:
    """Write the verdict into the release's record; one that can't be recorded still counts."""
    if not verdict.release_id:
        return
    now = outside.clock.now()
    detail = {
        "passed": not verdict.failures,
        "failures": verdict.failures,
        "deploymentId": verdict.deployment_id,
        **verdict.facts,
    }
    try:
        outside.releases.audit(verdict.release_id, attribute, "CodeDeploy", detail, now)
        outside.releases.update(verdict.release_id, {attribute: detail}, now)
    except SafeDeployError:
        logger.exception("the verdict could not be recorded")


def report(hook: HookEvent, verdict: Verdict, outside: Outside) -> None:
    """Tell CodeDeploy, again if it is busy. Raises TransientError in the end, so that Lambda calls the hook again."""
    for attempt in range(1, REPORTS + 1):
        try:
            outside.deployments.report(hook.deployment_id, hook.execution_id, succeeded=not verdict.failures)
        except TransientError:
            if attempt == REPORTS:
                raise
            outside.clock.sleep(attempt)
        else:
            return
