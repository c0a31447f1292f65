"""CloudWatch's operations on tags. Part of the service `CloudWatch`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from localaws.service import Call, Service

if TYPE_CHECKING:
    from localaws.world import World


class Tags(Service):
    """Tags by the ARN of what they are on."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._tags: dict[str, dict[str, str]] = {}

    def tag_resource(self, call: Call) -> None:
        tags = {each["Key"]: each["Value"] for each in call.params["Tags"]}
        self._tags.setdefault(call.params["ResourceARN"], {}).update(tags)

    def untag_resource(self, call: Call) -> None:
        for key in call.params["TagKeys"]:
            self._tags.get(call.params["ResourceARN"], {}).pop(key, None)

    def list_tags_for_resource(self, call: Call) -> dict[str, Any]:
        tags = self._tags.get(call.params["ResourceARN"], {})
        return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}
