"""AWS Step Functions' activity in which releases wait for people. Used by ask_for_approval.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetActivityTask.html
"""

from __future__ import annotations

from safe_deploy.domain.ports import WaitingTask
from safe_deploy.gateways.clients import PATIENT, client, translating

WORKER = "ask_for_approval"


class StepFunctionsActivity:
    """One activity."""

    def __init__(self, arn: str) -> None:
        self.arn = arn

    def take(self) -> WaitingTask | None:
        """Return a task that nobody was handed yet; None when there is none for a minute."""
        with translating("ask for the task that waits for an approval"):
            states = client("stepfunctions", PATIENT)
            found = states.get_activity_task(activityArn=self.arn, workerName=WORKER)
        return WaitingTask(found["taskToken"], found.get("input", "")) if found.get("taskToken") else None
