"""Run a hook's check so that CodeDeploy always hears of it. Used by check_version and check_traffic.

A hook that stays silent holds the deployment for an hour. So the check runs in a thread that is given up on
in time, and whatever happens in it, the verdict is reported.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aws_lambda_powertools import Logger

from safe_deploy.domain.deployment import HookEvent
from safe_deploy.domain.ports import Outside
from safe_deploy.errors import SafeDeployError

REPORTING_SECONDS = 30
"""Kept of the function's time for telling CodeDeploy; of a short time, half."""


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

    @property
    def reasons(self) -> list[str]:
        """Return why the check failed, if it did; silence is a failure."""
        if self.failures or self.finished:
            return list(self.failures)
        return ["the check did not finish in time"]


Check = Callable[[Finding, Outside], None]


def run_hook(
    event: dict[str, Any],
    context: Context,
    outside: Outside,
    check: Check,
    *,
    attribute: str,
    logger: Logger,
) -> dict[str, Any]:
    """Run a check, record its finding in the release under `attribute`, report it, and return it."""
    hook = HookEvent.from_event(event)
    remaining = context.get_remaining_time_in_millis() / 1000
    allowed = max(remaining - REPORTING_SECONDS, remaining / 2)
    finding = Finding(hook.deployment_id, outside.clock.seconds() + allowed)

    def work() -> None:
        try:
            check(finding, outside)
        except SafeDeployError as error:
            finding.failures.append(str(error))
        except BaseException as error:
            finding.failures.append(f"the check broke: {type(error).__name__}: {error}")
            logger.exception("the check broke")
        finding.finished = True
        record(finding, outside, attribute, logger)

    worker = threading.Thread(target=work, name=attribute, daemon=True)
    worker.start()
    worker.join(allowed)
    reasons = finding.reasons
    logger.info(
        "hook reports",
        extra={"deployment": hook.deployment_id, "release": finding.release_id, "failures": reasons},
    )
    outside.deployments.report(hook.deployment_id, hook.execution_id, succeeded=not reasons)
    return {"status": "Failed" if reasons else "Succeeded", "failures": reasons, **finding.facts}


def record(finding: Finding, outside: Outside, attribute: str, logger: Logger) -> None:
    """Write the finding into the release's record; a verdict that can't be recorded still counts."""
    if not finding.release_id:
        return
    now = outside.clock.now()
    detail = {
        "passed": not finding.failures,
        "failures": finding.failures,
        "deploymentId": finding.deployment_id,
        **finding.facts,
    }
    try:
        outside.releases.audit(finding.release_id, attribute, "CodeDeploy", detail, now)
        outside.releases.update(finding.release_id, {attribute: detail}, now)
    except SafeDeployError:
        logger.exception("the finding could not be recorded")
