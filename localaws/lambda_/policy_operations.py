"""Lambda's operations on resource policies. Part of the service."""

from __future__ import annotations

import json
from typing import Any

from localaws.errors import AwsError
from localaws.lambda_ import policy
from localaws.lambda_.base import LambdaBase
from localaws.lambda_.model import Function, new_revision
from localaws.lambda_.names import LATEST, is_version
from localaws.lambda_.routing import known_version, not_found
from localaws.service import Call


class PolicyOperations(LambdaBase):
    """AddPermission, RemovePermission, GetPolicy."""

    def add_permission(self, call: Call) -> dict[str, Any]:
        params = call.params
        with self.lock:
            function, named = self.find(call)
            _check_qualifier(function, named.qualifier)
            resource = f"{function.arn}:{named.qualifier}" if named.qualifier else function.arn
            made = policy.statement(params, resource)
            held = function.policies.get(named.qualifier, {"revision": "", "statements": []})
            if held["revision"]:
                self.check_revision(call, held["revision"])
            if any(statement["Sid"] == made["Sid"] for statement in held["statements"]):
                message = (
                    f"The statement id ({made['Sid']}) provided already exists. "
                    "Please provide a new statement id, or remove the existing statement."
                )
                raise AwsError("ResourceConflictException", message, 409, Type="User")
            statements = [*held["statements"], made]
            function.policies[named.qualifier] = {"revision": new_revision(), "statements": statements}
        return {"Statement": json.dumps(made, separators=(",", ":"))}

    def remove_permission(self, call: Call) -> None:
        with self.lock:
            function, named = self.find(call)
            held = function.policies.get(named.qualifier)
            sid = call.params["StatementId"]
            kept = [statement for statement in held["statements"] if statement["Sid"] != sid] if held else []
            if held is None or len(kept) == len(held["statements"]):
                message = f"Statement {sid} is not found in resource policy."
                raise AwsError("ResourceNotFoundException", message, 404, Type="User")
            self.check_revision(call, held["revision"])
            if kept:
                function.policies[named.qualifier] = {"revision": new_revision(), "statements": kept}
            else:
                del function.policies[named.qualifier]

    def get_policy(self, call: Call) -> dict[str, Any]:
        with self.lock:
            function, named = self.find(call)
            held = function.policies.get(named.qualifier)
        if held is None:
            message = "The resource you requested does not exist."
            raise AwsError("ResourceNotFoundException", message, 404, Type="User")
        document = {"Version": "2012-10-17", "Id": "default", "Statement": held["statements"]}
        return {"Policy": json.dumps(document, separators=(",", ":")), "RevisionId": held["revision"]}


def _check_qualifier(function: Function, qualifier: str) -> None:
    """A policy belongs to the function, to a published version or to an alias."""
    if qualifier == LATEST:
        message = "We currently do not support adding policies for $LATEST."
        raise AwsError("InvalidParameterValueException", message, Type="User")
    if is_version(qualifier):
        known_version(function, qualifier)
    elif qualifier and qualifier not in function.aliases:
        raise not_found(f"{function.arn}:{qualifier}")
