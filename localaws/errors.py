"""The error an AWS service answers with. Raised by every service of `localaws`."""

from __future__ import annotations


class AwsError(Exception):
    """A modelled AWS error: `code` as the service's own documentation spells it, and a plain message."""

    def __init__(self, code: str, message: str, status: int = 400, **members: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status_code = status
        for name, value in members.items():
            setattr(self, name, value)


class NotModelledError(AwsError):
    """Something AWS can do and `localaws` can't do faithfully. Named, never ignored."""

    def __init__(self, what: str) -> None:
        super().__init__("LocalAwsNotImplemented", f"localaws does not implement {what}", status=501)
