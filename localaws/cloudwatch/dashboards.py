"""CloudWatch's operations on dashboards. Part of the service `CloudWatch`."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from localaws.cloudwatch.tags import Tags
from localaws.errors import AwsError
from localaws.service import Call

if TYPE_CHECKING:
    from localaws.world import World


class DashboardOperations(Tags):
    """Keeps dashboards' bodies; nothing draws them."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._dashboards: dict[str, tuple[str, datetime]] = {}

    def put_dashboard(self, call: Call) -> dict[str, Any]:
        try:
            json.loads(call.params["DashboardBody"])
        except ValueError as error:
            raise AwsError("InvalidParameterInput", f"The field DashboardBody must be valid JSON: {error}") from None
        self._dashboards[call.params["DashboardName"]] = (
            call.params["DashboardBody"],
            self.world.clock.now(),
        )
        return {"DashboardValidationMessages": []}

    def get_dashboard(self, call: Call) -> dict[str, Any]:
        name = call.params["DashboardName"]
        if name not in self._dashboards:
            raise AwsError("ResourceNotFound", f"Dashboard {name} does not exist", 404)
        return {
            "DashboardArn": self._dashboard_arn(name),
            "DashboardBody": self._dashboards[name][0],
            "DashboardName": name,
        }

    def list_dashboards(self, call: Call) -> dict[str, Any]:
        prefix = call.params.get("DashboardNamePrefix") or ""
        entries = [
            {
                "DashboardName": name,
                "DashboardArn": self._dashboard_arn(name),
                "LastModified": modified,
                "Size": len(body),
            }
            for name, (body, modified) in sorted(self._dashboards.items())
            if name.startswith(prefix)
        ]
        return {"DashboardEntries": entries}

    def delete_dashboards(self, call: Call) -> None:
        for name in call.params["DashboardNames"]:
            if name not in self._dashboards:
                raise AwsError("ResourceNotFound", f"Dashboard {name} does not exist", 404)
        for name in call.params["DashboardNames"]:
            del self._dashboards[name]

    def _dashboard_arn(self, name: str) -> str:
        return f"arn:aws:cloudwatch::{self.world.settings.account}:dashboard/{name}"
