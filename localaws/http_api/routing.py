"""Which route a request takes: the most specific that matches path and method, as HTTP APIs choose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from localaws.http_api.definition import Route

STATIC, VARIABLE, GREEDY = range(3)


@dataclass(frozen=True, slots=True)
class Match:
    """A route and the values of its path variables."""

    route: Route
    parameters: dict[str, str]


def choose(routes: Iterable[Route], method: str, path: str) -> Match | None:
    """The route for a decoded path without the stage; None when there is none, not even a default."""
    segments = path.split("/")[1:]
    found = []
    for route in routes:
        if route.method not in ("ANY", method, ""):
            continue
        fit = _fit(route.path.split("/")[1:], segments) if route.path else ([], {})
        if fit is not None:
            ranks, parameters = fit
            greedy = any(rank == GREEDY for rank in ranks)
            found.append(((not route.path, greedy, ranks, route.method == "ANY"), Match(route, parameters)))
    return min(found, key=lambda item: item[0])[1] if found else None


def _fit(template: list[str], segments: list[str]) -> tuple[list[int], dict[str, str]] | None:
    ranks: list[int] = []
    parameters: dict[str, str] = {}
    for place, part in enumerate(template):
        if part.startswith("{") and part.endswith("+}"):
            rest = "/".join(segments[place:])
            if not rest:
                return None
            parameters[part[1:-2]] = rest
            return [*ranks, GREEDY], parameters
        if place >= len(segments):
            return None
        if part.startswith("{") and part.endswith("}"):
            if not segments[place]:
                return None
            parameters[part[1:-1]] = segments[place]
            ranks.append(VARIABLE)
        elif part == segments[place]:
            ranks.append(STATIC)
        else:
            return None
    return (ranks, parameters) if len(segments) == len(template) else None
