"""Where AWS's console shows what an ARN names. Used by the approval page."""

from __future__ import annotations

from urllib.parse import quote

CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


def execution_url(arn: str) -> str | None:
    """Return the console's page of an execution; None where we know no console."""
    home = _home(arn, "states")
    return f"{home}#/v2/executions/details/{quote(arn, safe=':')}" if home else None


def sagemaker_url(arn: str, kind: str, name: str) -> str | None:
    """Return the console's page of a SageMaker resource in the partition and region of some ARN of ours.

    `kind` is the console's: jobs (training), processing-jobs, endpoints.
    """
    home = _home(arn, "sagemaker")
    return f"{home}#/{kind}/{quote(name, safe='')}" if home else None


def _home(arn: str, service: str) -> str | None:
    parts = arn.split(":")
    if len(parts) < 6 or parts[0] != "arn" or parts[1] not in CONSOLES:
        return None
    region = quote(parts[3], safe="")
    return f"https://{region}.{CONSOLES[parts[1]]}/{service}/home?region={region}"
