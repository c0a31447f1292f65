"""Lambda's own CloudWatch metrics, and those that functions print in the embedded metric format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localaws.cloudwatch.metrics import Datapoint, Dimensions
from localaws.lambda_.output import Line

NAMESPACE = "AWS/Lambda"


@dataclass(frozen=True, slots=True)
class Served:
    """Under which names an invocation counts."""

    function: str
    qualifier: str
    """As the caller named it; "" for none."""
    executed_version: str
    is_alias: bool

    def dimensions(self) -> Iterator[Dimensions]:
        """Each set of dimensions that AWS keeps the metrics under."""
        yield ()
        yield (("FunctionName", self.function),)
        resource = f"{self.function}:{self.qualifier}" if self.qualifier else self.function
        yield (("FunctionName", self.function), ("Resource", resource))
        if self.is_alias:
            yield (
                ("FunctionName", self.function),
                ("Resource", resource),
                ("ExecutedVersion", self.executed_version),
            )


def invoked(served: Served, now: datetime, *, failed: bool, milliseconds: float, running: int) -> list[Datapoint]:
    """One invocation that ran."""
    values = (
        ("Invocations", 1.0, "Count"),
        ("Errors", float(failed), "Count"),
        ("Throttles", 0.0, "Count"),
        ("Duration", milliseconds, "Milliseconds"),
        ("ConcurrentExecutions", float(running), "Count"),
    )
    return [
        Datapoint(name, value, now, dimensions, unit)
        for dimensions in served.dimensions()
        for name, value, unit in values
    ]


def throttled(served: Served, now: datetime) -> list[Datapoint]:
    """One invocation that was turned away."""
    return [Datapoint("Throttles", 1.0, now, dimensions, "Count") for dimensions in served.dimensions()]


def dropped(served: Served, now: datetime) -> list[Datapoint]:
    """One asynchronous event that was given up."""
    return [Datapoint("AsyncEventsDropped", 1.0, now, dimensions, "Count") for dimensions in served.dimensions()]


def embedded(lines: Iterable[Line]) -> Iterator[tuple[str, Datapoint]]:
    """Namespace and datapoint of each metric in lines that are in the embedded metric format."""
    for line in lines:
        if not (line.text.startswith("{") and '"_aws"' in line.text):
            continue
        try:
            yield from _directives(json.loads(line.text))
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # as CloudWatch: a line that isn't valid stays a log line


def _directives(root: dict[str, Any]) -> Iterator[tuple[str, Datapoint]]:
    found: list[tuple[str, Datapoint]] = []
    at = datetime.fromtimestamp(root["_aws"]["Timestamp"] / 1000, UTC)
    for directive in root["_aws"]["CloudWatchMetrics"]:
        for names in directive.get("Dimensions", [[]]):
            dimensions = tuple((name, _text(root[name])) for name in names)
            for metric in directive["Metrics"]:
                values = root[metric["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    point = Datapoint(metric["Name"], float(value), at, dimensions, metric.get("Unit", "None"))
                    found.append((directive["Namespace"], point))
    yield from found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a dimension's value is a string")
    return value
