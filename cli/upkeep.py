"""`safe-deploy rollback` and `costs`: go back to an earlier release; list what costs money."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from cli.stack import CliError, Stack

REASON_LIMIT = 2000


def rollback(
    stack: Stack, release_id: str | None, reason: str, *, say: Callable[[str], None], confirm: Callable[[], bool]
) -> str:
    """Start the machine that goes back, in the caller's name; return its execution's ARN. Raises CliError.

    Without a release it goes to the predecessor of what is live. Where one can't go back to, the machine says by mail.
    """
    if not reason.strip() or len(reason) > REASON_LIMIT:
        raise CliError(f"--reason must say why, in {REASON_LIMIT:,} characters at most")
    to = "its predecessor"
    if release_id is not None:
        to = f"release {release_id}, recorded as {stack.release(release_id)['state']}"
    machine = stack.output("RollbackStateMachineArn")
    say(f"Stack {stack.name}: production goes back from {live(stack)} to {to}.")
    if not confirm():
        raise CliError("nothing was started")
    caller = str(stack.client("sts").get_caller_identity()["Arn"])
    given = {"reason": reason, "by": caller, **({"releaseId": release_id} if release_id is not None else {})}
    started = stack.client("stepfunctions").start_execution(stateMachineArn=machine, input=json.dumps(given))
    return f"Going back; a mail says what became of it. Execution: {started['executionArn']}"


def live(stack: Stack) -> str:
    """What serves, in words; that it can't be read keeps nobody from going back."""
    try:
        found = stack.client("lambda").get_function_configuration(
            FunctionName=stack.output("PredictFunctionName"), Qualifier="live"
        )
    except ClientError as error:
        return f"what is live (which can't be read: {error.response['Error']['Message']})"
    release = found.get("Environment", {}).get("Variables", {}).get("RELEASE_ID", "none")
    return f"release {release}, live as version {found['Version']}," if release != "none" else "no release at all"


def costs(stack: Stack) -> str:
    """What runs and why, and what the next tidying removes, as the app says. Raises CliError when it can't."""
    function = stack.resource("ReapLeasesFunction")
    answer = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"dryRun": True}).encode())
    found: Any = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise CliError(str(found.get("errorMessage", found)))
    return json.dumps(found, indent=2)
