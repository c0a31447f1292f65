"""Resource policies: who may invoke from outside IAM. Used by AddPermission and when services invoke."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from localaws.errors import AwsError, NotModelledError

Statement = dict[str, Any]
NOT_MODELLED = ("PrincipalOrgID", "EventSourceToken", "FunctionUrlAuthType", "InvokedViaFunctionUrl")
INVOKE = "lambda:InvokeFunction"


def statement(params: Mapping[str, Any], resource: str) -> Statement:
    """The policy statement that AddPermission's input makes."""
    for name in NOT_MODELLED:
        if params.get(name):
            raise NotModelledError(f"lambda:AddPermission with {name}")
    principal = str(params["Principal"])
    condition: dict[str, dict[str, str]] = {}
    if params.get("SourceAccount"):
        condition["StringEquals"] = {"AWS:SourceAccount": params["SourceAccount"]}
    if params.get("SourceArn"):
        condition["ArnLike"] = {"AWS:SourceArn": params["SourceArn"]}
    made: Statement = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(principal),
        "Action": params["Action"],
        "Resource": resource,
    }
    return {**made, "Condition": condition} if condition else made


def check_service(statements: Iterable[Statement], principal: str, source_arn: str | None, source_account: str) -> None:
    """Raise `AccessDeniedException` unless a statement lets a service invoke on behalf of its resource."""
    for held in statements:
        if held["Action"] not in (INVOKE, "lambda:*", "*"):
            continue
        allowed = held["Principal"]
        if allowed != "*" and allowed.get("Service") != principal:
            continue
        condition = held.get("Condition", {})
        account = condition.get("StringEquals", {}).get("AWS:SourceAccount")
        pattern = condition.get("ArnLike", {}).get("AWS:SourceArn")
        if account is not None and account != source_account:
            continue
        if pattern is not None and not (source_arn and arn_like(pattern, source_arn)):
            continue
        return
    on_behalf = f" for {source_arn}" if source_arn else ""
    raise AwsError(
        "AccessDeniedException",
        f"{principal} is not authorized to perform {INVOKE}{on_behalf}: no resource-based policy allows it",
        403,
    )


def arn_like(pattern: str, arn: str) -> bool:
    """IAM's `ArnLike`: each of the six parts by itself, `*` and `?` as wildcards."""
    wanted, found = pattern.split(":", 5), arn.split(":", 5)
    return len(wanted) == len(found) and all(
        re.fullmatch(re.escape(want).replace(r"\*", ".*").replace(r"\?", "."), have) is not None
        for want, have in zip(wanted, found, strict=True)
    )


def _principal(given: str) -> str | dict[str, str]:
    if given == "*":
        return "*"
    if re.fullmatch(r"\d{12}", given):
        return {"AWS": f"arn:aws:iam::{given}:root"}
    return {"AWS": given} if given.startswith("arn:") else {"Service": given}
