"""Whether a role's identity policies allow an action on a resource. Conditions are not weighed."""

from __future__ import annotations

import fnmatch
from functools import cache
from typing import Any

from demo.stack import LocalAws


class Policies:
    """The policies of roles, read through IAM's API."""

    def __init__(self, iam: Any) -> None:
        self._iam = iam
        self.of = cache(self._read)

    def allow(self, role_arn: str, action: str, resource: str) -> bool:
        """Some statement allows it, and none denies it."""
        statements = [s for s in self.of(role_arn) if _matches(s, action, resource)]
        effects = {statement["Effect"] for statement in statements}
        return "Allow" in effects and "Deny" not in effects

    def _read(self, role_arn: str) -> tuple[dict[str, Any], ...]:
        role = role_arn.rsplit("/", 1)[1]
        documents = [
            self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in self._iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]
        for attached in self._iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            policy = self._iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]
            version = self._iam.get_policy_version(
                PolicyArn=attached["PolicyArn"], VersionId=policy["DefaultVersionId"]
            )
            documents.append(version["PolicyVersion"]["Document"])
        return tuple(statement for document in documents for statement in _listed(document["Statement"]))


def used(aws: LocalAws) -> list[dict[str, str]]:
    """Every permission that the stack's roles have used so far; AWS's own services answer to no role of it."""
    found: list[dict[str, str]] = aws.read("/_localaws/permissions.json")
    return [p for p in found if ":role/" in p["principal"] and "/aws-service-role/" not in p["principal"]]


def denied(aws: LocalAws) -> list[str]:
    """Those of them that the roles' policies don't allow, in words."""
    policies = Policies(aws.client("iam"))
    return [
        f"{p['principal']}: {p['action']} on {p['resource']}"
        for p in used(aws)
        if not policies.allow(p["principal"], p["action"], p["resource"])
    ]


def _matches(statement: dict[str, Any], action: str, resource: str) -> bool:
    actions = [pattern.lower() for pattern in _listed(statement.get("Action", []))]
    resources = _listed(statement.get("Resource", []))
    return any(fnmatch.fnmatchcase(action.lower(), a) for a in actions) and any(
        r == "*" or fnmatch.fnmatchcase(resource, r) for r in resources
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
