"""Tags of every SageMaker resource. Served to clients."""

from __future__ import annotations

from localaws.sagemaker.resources import Params, Resources, invalid
from localaws.service import Call


class Tagging(Resources):
    """The operations on tags."""

    def add_tags(self, call: Call) -> Params:
        arn = self._tagged(call.params["ResourceArn"])
        with self.lock:
            self.tags[arn].update({tag["Key"]: tag["Value"] for tag in call.params["Tags"]})
            return {"Tags": self.tag_list(arn)}

    def list_tags(self, call: Call) -> Params:
        return {"Tags": self.tag_list(self._tagged(call.params["ResourceArn"]))}

    def delete_tags(self, call: Call) -> None:
        arn = self._tagged(call.params["ResourceArn"])
        with self.lock:
            for key in call.params["TagKeys"]:
                self.tags[arn].pop(key, None)

    def _tagged(self, arn: str) -> str:
        if arn not in self.tags:
            raise invalid(f"Requested resource {arn} not found.")
        return arn
