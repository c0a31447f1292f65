"""What an HTTP API consists of at run time. Changed by the service, read by the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localaws.http_api.definition import Definition, Route
from localaws.http_api.throttle import Bucket

DEFAULT_STAGE = "$default"


@dataclass(slots=True)
class Stage:
    """A stage that deploys by itself."""

    name: str
    created: datetime
    updated: datetime
    deployment: str
    settings: dict[str, Any] = field(default_factory=dict)
    """AccessLogSettings, DefaultRouteSettings, RouteSettings, StageVariables, Description, as given."""
    tags: dict[str, str] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=dict)

    @property
    def variables(self) -> Mapping[str, str]:
        """The stage's variables."""
        found: Mapping[str, str] = self.settings.get("StageVariables") or {}
        return found

    def route_settings(self, route: Route) -> dict[str, Any]:
        """The settings of a route: its own before the stage's default."""
        own = (self.settings.get("RouteSettings") or {}).get(route.key) or {}
        return {**(self.settings.get("DefaultRouteSettings") or {}), **own}

    def admits(self, route: Route) -> bool:
        """Whether throttling lets one more request of a route through."""
        settings = self.route_settings(route)
        rate, burst = settings.get("ThrottlingRateLimit"), settings.get("ThrottlingBurstLimit")
        if rate is None and burst is None:
            return True
        bucket = self.buckets.get(route.key)
        wanted = (float(rate if rate is not None else 10_000), int(burst if burst is not None else 5_000))
        if bucket is None or (bucket.rate, bucket.burst) != wanted:
            bucket = self.buckets[route.key] = Bucket(*wanted)
        return bucket.take()


@dataclass(slots=True)
class Api:
    """One HTTP API with what was imported last."""

    identity: str
    definition: Definition
    created: datetime
    tags: dict[str, str]
    stages: dict[str, Stage] = field(default_factory=dict)
    endpoint: str = ""
    """`http://localhost:<port>`, once it listens."""

    def stage_for(self, path: str) -> tuple[Stage, str] | None:
        """The stage of a decoded path and the path without it."""
        first, _, rest = path[1:].partition("/")
        named = self.stages.get(first)
        if named is not None:
            return named, f"/{rest}"
        default = self.stages.get(DEFAULT_STAGE)
        return None if default is None else (default, path)
