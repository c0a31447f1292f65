"""One fault: where it strikes, whom, how often and how. Read from a JSON document; kept by the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import botocore.session
from botocore.exceptions import UnknownServiceError

from localaws.faults.places import FLAG, NUMBER, PLACES, TEXT, WHOLE

_MEMBERS = {"place", "match", "effect", "skip", "times"}


class FaultError(ValueError):
    """The document is not a fault; the message says which part of it and why."""


@dataclass(slots=True)
class Fault:
    """A fault that was asked for. It strikes `times` times, after `skip` that it lets pass."""

    place: str
    match: dict[str, str]
    """Fact → pattern. All must match; a fact that isn't named matches anything."""
    parameters: dict[str, str]
    """Of a call: path in the input, such as `Item.pk.S` → pattern of its text."""
    effect: dict[str, Any]
    skip: int = 0
    times: int | None = None
    """None: for as long as it stands."""
    identity: str = ""
    matched: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)

    @classmethod
    def read(cls, document: Any) -> Fault:
        """A fault from its JSON. Raises `FaultError`."""
        given = _object(document, "the fault")
        _known(given, _MEMBERS, "the fault")
        place = given.get("place")
        if not isinstance(place, str) or place not in PLACES:
            raise FaultError(f"place must be one of {', '.join(PLACES)}, not {place!r}")
        match = dict(_object(given.get("match", {}), "match"))
        parameters = dict(_object(match.pop("parameters", {}), "match.parameters")) if place == "call" else {}
        _known(match, set(PLACES[place].facts), "match")
        for name, pattern in {**match, **parameters}.items():
            if not isinstance(pattern, str) or not pattern:
                raise FaultError(f"match of {name} must be a pattern, not {pattern!r}")
        if place == "call":
            _check_operation(match.get("service"), match.get("operation"))
        times = given.get("times")
        return cls(
            place,
            match,
            parameters,
            _effect(place, given.get("effect")),
            _checked("skip", WHOLE, given.get("skip", 0)),
            None if times is None else _positive("times", times),
        )

    def matches(self, facts: Mapping[str, str], params: Mapping[str, Any]) -> bool:
        """Whether it is meant for what passes its place now."""
        return all(fnmatchcase(facts.get(name, ""), pattern) for name, pattern in self.match.items()) and all(
            (text := _text(params, path)) is not None and fnmatchcase(text, pattern)
            for path, pattern in self.parameters.items()
        )

    def strikes(self) -> bool:
        """Count one that matched: whether it is struck."""
        self.matched += 1
        if self.matched <= self.skip or (self.times is not None and self.struck >= self.times):
            return False
        self.struck += 1
        return True

    def to_json(self) -> dict[str, Any]:
        """As the API shows it."""
        match: dict[str, Any] = dict(self.match)
        if self.parameters:
            match["parameters"] = self.parameters
        return {
            "id": self.identity,
            "place": self.place,
            "match": match,
            "effect": self.effect,
            "skip": self.skip,
            "times": self.times,
            "matched": self.matched,
            "struck": self.struck,
        }


def _effect(place: str, value: Any) -> dict[str, Any]:
    given = dict(_object(value, "effect"))
    kind, effects = given.get("kind"), PLACES[place].effects
    if not isinstance(kind, str) or kind not in effects:
        raise FaultError(f"effect.kind of a fault at {place!r} must be one of {', '.join(effects)}, not {kind!r}")
    effect = effects[kind]
    _known(given, {"kind", *effect.members}, "effect")
    missing = sorted(effect.required - given.keys())
    if missing:
        raise FaultError(f"effect {kind!r} needs {', '.join(missing)}")
    return {"kind": kind, **{n: _checked(f"effect.{n}", effect.members[n], v) for n, v in given.items() if n != "kind"}}


def _checked(name: str, kind: str, value: Any) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    fits = {
        TEXT: isinstance(value, str) and value != "",
        WHOLE: number and isinstance(value, int),
        NUMBER: number,
        FLAG: isinstance(value, bool),
    }
    if not fits[kind]:
        raise FaultError(f"{name} must be {kind}, not {value!r}")
    return value


def _positive(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise FaultError(f"{name} must be a whole number of at least 1, not {value!r}")
    return value


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise FaultError(f"{name} must be an object, not {value!r}")
    return value


def _known(given: Mapping[str, Any], names: set[str], where: str) -> None:
    unknown = sorted(given.keys() - names)
    if unknown:
        raise FaultError(f"{where} has no {', '.join(unknown)}; it has {', '.join(sorted(names))}")


def _check_operation(service: str | None, operation: str | None) -> None:
    """A pattern is taken as it is; a plain name must be one of AWS's, lest a misspelt fault never strikes."""
    if service is None or any(sign in service for sign in "*?["):
        return
    try:
        model = botocore.session.get_session().get_service_model(service)
    except UnknownServiceError as error:
        raise FaultError(f"there is no service {service!r}") from error
    plain = operation is not None and not any(sign in operation for sign in "*?[")
    if plain and operation not in model.operation_names:
        raise FaultError(f"{service} has no operation {operation!r}")


def _text(params: Mapping[str, Any], path: str) -> str | None:
    value: Any = params
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
