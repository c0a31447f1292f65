"""How an execution will host its release: what the state machine was deployed with. Used by check_gates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from safe_deploy.domain.fields import Fields


@dataclass(frozen=True, slots=True)
class Hosting:
    """Instances of the endpoints and of the monitor's jobs, and the wait for a decision."""

    endpoint_instance_type: str
    minimum_instances: int
    maximum_instances: int
    dev_instance_type: str
    approval_seconds: int
    job_instance_type: str | None = None
    """None in executions that began under a machine that didn't tell."""

    @classmethod
    def parse(cls, given: Fields) -> Hosting:
        """Read what the state machine sends. Raises InvalidRequestError, naming the key that is wrong."""
        return cls(
            given.text("endpointInstanceType", maximum=100),
            given.integer("minimumInstances", minimum=0, maximum=10_000),
            given.integer("maximumInstances", minimum=0, maximum=10_000),
            given.text("devInstanceType", maximum=100),
            given.integer("approvalSeconds", minimum=0, maximum=10**9),
            given.text("jobInstanceType", maximum=100) if "jobInstanceType" in given else None,
        )

    def to_item(self) -> dict[str, Any]:
        """Return the hosting as the record holds it."""
        return {
            "endpointInstanceType": self.endpoint_instance_type,
            "minimumInstances": self.minimum_instances,
            "maximumInstances": self.maximum_instances,
            "devInstanceType": self.dev_instance_type,
            "approvalSeconds": self.approval_seconds,
            "jobInstanceType": self.job_instance_type,
        }
