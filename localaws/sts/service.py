"""STS: `GetCallerIdentity` and `AssumeRole`. Served by the front door."""

from __future__ import annotations

from typing import Any, ClassVar

from localaws.errors import AwsError
from localaws.service import Call, Service


class Sts(Service):
    """Tells callers who they are and lends them roles."""

    name: ClassVar[str] = "sts"

    def get_caller_identity(self, call: Call) -> dict[str, Any]:
        arn = call.principal.caller_arn
        return {"UserId": arn.rsplit("/", 1)[-1], "Account": self.world.settings.account, "Arn": arn}

    def assume_role(self, call: Call) -> dict[str, Any]:
        role, session = call.params["RoleArn"], call.params["RoleSessionName"]
        iam = self.world.client("iam")
        try:
            iam.get_role(RoleName=role.rsplit("/", 1)[-1])
        except iam.exceptions.NoSuchEntityException:
            raise AwsError("AccessDenied", f"{call.principal.arn} may not assume {role}", 403) from None
        issued = self.world.credentials_for(role, session)
        return {
            "Credentials": {
                "AccessKeyId": issued.access_key,
                "SecretAccessKey": issued.secret_key,
                "SessionToken": issued.token,
                "Expiration": issued.expires,
            },
            "AssumedRoleUser": {"AssumedRoleId": issued.access_key, "Arn": issued.principal.caller_arn},
        }
