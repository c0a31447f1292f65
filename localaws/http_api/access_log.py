"""Access logs of a stage: the format that was configured, filled in for each request."""

from __future__ import annotations

import re
from collections.abc import Mapping

from localaws.errors import AwsError

VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)")
KNOWN = frozenset(
    {
        "accountId", "apiId", "authorizer.error", "awsEndpointRequestId", "dataProcessed", "domainName",
        "domainPrefix", "error.message", "error.messageString", "error.responseType", "extendedRequestId",
        "httpMethod", "identity.accountId", "identity.caller", "identity.principalOrgId", "identity.sourceIp",
        "identity.user", "identity.userAgent", "identity.userArn", "integration.error",
        "integration.integrationStatus", "integration.latency", "integration.requestId", "integration.status",
        "integrationErrorMessage", "integrationLatency", "integrationStatus", "path", "protocol", "requestId",
        "requestTime", "requestTimeEpoch", "responseLatency", "responseLength", "routeKey", "stage", "status",
    }
)  # fmt: skip


def check(log_format: str) -> None:
    """Raise `BadRequestException` when a format asks for what isn't known."""
    if "\n" in log_format:
        raise AwsError("BadRequestException", "Access log format must be a single line")
    unknown = sorted(set(VARIABLE.findall(log_format)) - KNOWN)
    if unknown:
        names = ", ".join(f"$context.{name}" for name in unknown)
        raise AwsError("BadRequestException", f"localaws does not know {names} in an access log format")


def line(log_format: str, values: Mapping[str, object]) -> str:
    """One line; what has no value is a hyphen."""
    return VARIABLE.sub(lambda found: str(values.get(found[1], "-")), log_format)
