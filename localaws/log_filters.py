"""FilterLogEvents as CloudWatch Logs answers it, in front of moto's. Intercepts the operation.

moto gives one stream's lines after another's, unless it is asked to interleave them, which AWS has done for all since
2019. It takes every line for a match of a pattern that it can't read, and ignores a prefix of stream names.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from localaws.actor import MARK, client_as
from localaws.errors import AwsError, NotModelledError
from localaws.service import Call, Service

ITSELF = f"{MARK}logs.amazonaws.com/"
PLAIN = re.compile(r'"[^"]+"|[A-Za-z][A-Za-z0-9_]*( [A-Za-z0-9_]+)*')
"""The patterns that moto reads: one phrase, or words that all have to occur."""


class LogFilters(Service):
    """Reading of log groups."""

    name: ClassVar[str] = "log-filters"

    def start(self) -> None:
        self.world.front_door.intercept(self._intercept)

    def _intercept(self, call: Call) -> dict[str, Any] | None:
        if (call.service, call.operation) != ("logs", "FilterLogEvents") or ITSELF in call.principal.arn:
            return None
        pattern = call.params.get("filterPattern")
        if pattern and not PLAIN.fullmatch(pattern):
            raise NotModelledError(f"logs:FilterLogEvents with the pattern {pattern!r}")
        for member in ("logStreamNamePrefix", "logGroupIdentifier"):
            if call.params.get(member):
                raise NotModelledError(f"logs:FilterLogEvents with {member}")
        logs = client_as(self.world, "logs.amazonaws.com", "logs")
        try:
            answer: dict[str, Any] = logs.filter_log_events(**{**call.params, "interleaved": True})
        except ClientError as error:
            told = error.response["Error"]
            raise AwsError(told["Code"], told["Message"]) from None
        del answer["ResponseMetadata"]
        return answer
