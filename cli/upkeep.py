"""`safe-deploy rollback` and `costs`: go back to an earlier release; list what costs money."""

from __future__ import annotations

import json
from typing import Any

from cli.stack import CliError, Stack


def rollback(stack: Stack, release_id: str, reason: str) -> str:
    """Start the machine that goes back, in the caller's name; return its execution's ARN."""
    caller = str(stack.client("sts").get_caller_identity()["Arn"])
    given = {"reason": reason, "by": caller, **({"releaseId": release_id} if release_id else {})}
    started = stack.client("stepfunctions").start_execution(
        stateMachineArn=stack.outputs["RollbackStateMachineArn"], input=json.dumps(given)
    )
    return f"Going back; a mail says what became of it. Execution: {started['executionArn']}"


def costs(stack: Stack) -> str:
    """What runs and why, and what the next tidying removes, as the app says. Raises CliError when it can't."""
    function = stack.resource("ReapLeasesFunction")
    answer = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"dryRun": True}).encode())
    found: Any = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise CliError(str(found.get("errorMessage", found)))
    return json.dumps(found, indent=2)
