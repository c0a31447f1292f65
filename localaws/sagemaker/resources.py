"""What SageMaker's resources share: tags, errors, lists in pages, refusals. Base of all its operations."""

from __future__ import annotations

import base64
import threading
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from localaws.errors import AwsError, NotModelledError
from localaws.service import Service
from localaws.trust import may_assume

if TYPE_CHECKING:
    from localaws.world import World

Params = dict[str, Any]
PRINCIPAL = "sagemaker.amazonaws.com"
SESSION = "SageMaker"
"""The session's name when SageMaker acts with a role of the account."""
DEFAULT_PAGE = 10


class Resources(Service):
    """The account's tags, and the lock under which resources change."""

    name: ClassVar[str] = "sagemaker"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.lock = threading.RLock()
        self.tags: dict[str, dict[str, str]] = {}

    def keep_tags(self, arn: str, params: Params) -> None:
        """Keep the tags that a Create request carries."""
        self.tags[arn] = {tag["Key"]: tag["Value"] for tag in params.get("Tags", [])}

    def tag_list(self, arn: str) -> list[dict[str, str]]:
        """The tags of a resource, as the API lists them."""
        return [{"Key": key, "Value": value} for key, value in self.tags.get(arn, {}).items()]

    def check_role(self, role: str) -> None:
        """Raise `ValidationException` unless SageMaker may assume the role."""
        if not may_assume(self.world, role, PRINCIPAL):
            raise invalid(
                f"Could not assume role {role}. Please ensure that the role exists and allows principal "
                f"'{PRINCIPAL}' to assume the role."
            )


def invalid(message: str) -> AwsError:
    """SageMaker's answer to most mistakes."""
    return AwsError("ValidationException", message)


def refuse_others(
    operation: str,
    given: Mapping[str, Any],
    known: Collection[str],
    harmless: Mapping[str, Any] | None = None,
) -> None:
    """Raise `NotModelledError`, naming it, for a member neither known nor given its harmless value."""
    for member, value in given.items():
        if member in known or (harmless and member in harmless and harmless[member] == value):
            continue
        raise NotModelledError(f"sagemaker:{operation} with {member} = {value!r}")


def page(
    items: Iterable[Params],
    params: Params,
    *,
    name: str,
    result: str,
    status: str = "",
    order: str = "Ascending",
) -> Params:
    """One page of a List operation: `items` are summaries, `name` and `status` two of their members."""
    found = [item for item in items if _matches(item, params, name, status)]
    by = {"Name": name, "Status": status}.get(params.get("SortBy", "CreationTime"), "CreationTime")
    found.sort(key=lambda item: (item[by], item["CreationTime"]))
    if params.get("SortOrder", order) == "Descending":
        found.reverse()
    start = _offset(params.get("NextToken"))
    end = start + params.get("MaxResults", DEFAULT_PAGE)
    answer: Params = {result: found[start:end]}
    if end < len(found):
        answer["NextToken"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return answer


def _offset(token: str | None) -> int:
    try:
        return int(base64.urlsafe_b64decode(token)) if token else 0
    except ValueError:
        raise invalid("The NextToken is not one that this service gave.") from None


def _matches(item: Params, params: Params, name: str, status: str) -> bool:
    if params.get("NameContains", "").lower() not in item[name].lower():
        return False
    if "StatusEquals" in params and item[status] != params["StatusEquals"]:
        return False
    for member in ("CreationTime", "LastModifiedTime"):
        at: datetime | None = item.get(member)
        after, before = params.get(f"{member}After"), params.get(f"{member}Before")
        if (after and (at is None or at <= after)) or (before and (at is None or at >= before)):
            return False
    return True


def plain(value: Any) -> Any:
    """A description as an event carries it: times as milliseconds since the epoch."""
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def present(**members: Any) -> Params:
    """The members that have a value: absent structures stay absent, as in AWS's answers."""
    return {name: value for name, value in members.items() if value is not None}
