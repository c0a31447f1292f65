"""Intrinsic functions: evaluates conditions, finds references, resolves values. For plans and operations.

Works in two steps, as CloudFormation does: `prune` takes `Fn::If` out of a body once the conditions are
known, and `resolve` replaces what is left when the resources it names exist.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from localaws.cloudformation.errors import invalid

CONDITIONAL = frozenset({"Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not"})
REFUSED = frozenset(
    {
        "Fn::ImportValue",
        "Fn::Cidr",
        "Fn::GetAZs",
        "Fn::Transform",
        "Fn::ToJsonString",
        "Fn::Length",
        "Fn::GetStackOutput",
    }
)
_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")
_DYNAMIC = "{{resolve:"


class Unknown:
    """Stands for a value that only the deployment can tell; spreads through every function."""

    def __repr__(self) -> str:
        return "(known after apply)"


class _NoValue:
    """`AWS::NoValue`: takes its property or list item away."""


UNKNOWN = Unknown()
NO_VALUE = _NoValue()


def intrinsic(value: Any) -> tuple[str, Any] | None:
    """The function and its argument, when `value` is a call of one."""
    if isinstance(value, dict) and len(value) == 1:
        name, argument = next(iter(value.items()))
        if name == "Ref" or (isinstance(name, str) and name.startswith("Fn::")):
            return name, argument
    return None


def references(value: Any) -> Iterator[tuple[str, str | None]]:
    """Each (name, attribute) that a value refers to; the attribute is None for `Ref`."""
    call = intrinsic(value)
    if call is None:
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for child in children:
            yield from references(child)
        return
    name, argument = call
    if name == "Ref":
        yield str(argument), None
    elif name == "Fn::GetAtt":
        yield _get_att(argument)
    elif name == "Fn::Sub":
        text, own = _sub_parts(argument)
        for placeholder in _placeholders(text):
            if placeholder not in own:
                logical_id, _, attribute = placeholder.partition(".")
                yield logical_id, attribute or None
        yield from references(list(own.values()))
    else:
        yield from references(argument)


@dataclass
class Scope:
    """What names mean: parameters, mappings, conditions, and resources as far as they exist."""

    values: Mapping[str, Any]
    """Parameters and pseudo parameters."""
    mappings: Mapping[str, Any]
    conditions: Mapping[str, Any]
    reference: Callable[[str], Any] = field(default=lambda _: UNKNOWN)
    attribute: Callable[[str, str], Any] = field(default=lambda _, __: UNKNOWN)

    def with_resources(self, reference: Callable[[str], Any], attribute: Callable[[str, str], Any]) -> Scope:
        """The same names, with these resources."""
        return Scope(self.values, self.mappings, self.conditions, reference, attribute)

    def holds(self, name: str, within: tuple[str, ...] = ()) -> bool:
        """Whether a condition is true."""
        if name not in self.conditions:
            raise invalid(f"Template format error: Unresolved condition dependency {name}")
        if name in within:
            raise invalid(f"Template format error: circular conditions {[*within, name]}")
        return self._truth(self.conditions[name], (*within, name))

    def prune(self, value: Any) -> Any:
        """`value` with the branch that applies for each `Fn::If`, without what is `AWS::NoValue`."""
        call = intrinsic(value)
        if call is not None and call[0] == "Fn::If":
            arguments = _arguments("Fn::If", call[1], 3)
            return self.prune(arguments[1] if self.holds(str(arguments[0])) else arguments[2])
        if value == {"Ref": "AWS::NoValue"}:
            return NO_VALUE
        if isinstance(value, dict):
            pruned = {key: self.prune(item) for key, item in value.items()}
            return {key: item for key, item in pruned.items() if item is not NO_VALUE}
        if isinstance(value, list):
            return [item for item in map(self.prune, value) if item is not NO_VALUE]
        return value

    def resolve(self, value: Any) -> Any:
        """`value` with every function replaced by its result (or `UNKNOWN`)."""
        call = intrinsic(value)
        if call is None:
            if isinstance(value, dict):
                return {key: self.resolve(item) for key, item in value.items()}
            if isinstance(value, list):
                return [self.resolve(item) for item in value]
            if isinstance(value, str) and _DYNAMIC in value:
                raise invalid(f"localaws does not implement dynamic references: {value}")
            return value
        name, argument = call
        if name in REFUSED:
            raise invalid(f"localaws does not implement the function {name}")
        if name in CONDITIONAL:
            raise invalid(f"Template format error: {name} may only be used in the Conditions section")
        method = _FUNCTIONS.get(name)
        if method is None:
            raise invalid(f"Template validation error: unknown function {name}")
        return method(self, argument)

    def _truth(self, value: Any, within: tuple[str, ...]) -> bool:
        if isinstance(value, dict) and set(value) == {"Condition"}:
            return self.holds(str(value["Condition"]), within)
        call = intrinsic(value)
        if call is None:
            raise invalid(f"Template format error: {value!r} is not a condition")
        name, argument = call
        if name == "Fn::Equals":
            left, right = (self.resolve(item) for item in _arguments(name, argument, 2))
            return as_text(left) == as_text(right)
        if name == "Fn::Not":
            return not self._truth(_arguments(name, argument, 1)[0], within)
        if name in ("Fn::And", "Fn::Or"):
            truths = [self._truth(item, within) for item in argument]
            return all(truths) if name == "Fn::And" else any(truths)
        raise invalid(f"Template format error: {name} is not a condition function")

    def _ref(self, argument: Any) -> Any:
        name = str(argument)
        return self.values[name] if name in self.values else self.reference(name)

    def _attribute(self, argument: Any) -> Any:
        name, attribute = _get_att(argument)
        return self.attribute(name, attribute)

    def _sub(self, argument: Any) -> Any:
        text, own = _sub_parts(argument)
        given = {key: self.resolve(item) for key, item in own.items()}

        def value_of(name: str) -> Any:
            if name in given:
                return given[name]
            logical_id, _, attribute = name.partition(".")
            return self.attribute(logical_id, attribute) if attribute else self._ref(name)

        values = {name: value_of(name) for name in _placeholders(text)}
        if any(value is UNKNOWN for value in values.values()):
            return UNKNOWN
        for name, value in values.items():
            if isinstance(value, (list, dict)):
                raise invalid(f"Template error: the value of ${{{name}}} in Fn::Sub must be a string")
        return _PLACEHOLDER.sub(
            lambda match: f"${{{match[2]}}}" if match[1] else as_text(values[match[2].strip()]), text
        )

    def _join(self, argument: Any) -> Any:
        separator, items = _arguments("Fn::Join", argument, 2)
        resolved = self.resolve(items)
        if resolved is UNKNOWN or any(item is UNKNOWN for item in resolved):
            return UNKNOWN
        if not isinstance(resolved, list) or any(isinstance(item, (list, dict)) for item in resolved):
            raise invalid(f"Template error: Fn::Join needs a list of strings, not {resolved!r}")
        return str(separator).join(as_text(item) for item in resolved)

    def _select(self, argument: Any) -> Any:
        index, items = (self.resolve(item) for item in _arguments("Fn::Select", argument, 2))
        if index is UNKNOWN or items is UNKNOWN:
            return UNKNOWN
        if not isinstance(items, list) or not 0 <= int(index) < len(items):
            raise invalid(f"Template error: Fn::Select cannot select nonexistent value at index {index}")
        return items[int(index)]

    def _split(self, argument: Any) -> Any:
        separator, text = (self.resolve(item) for item in _arguments("Fn::Split", argument, 2))
        return UNKNOWN if text is UNKNOWN else str(text).split(separator)

    def _find_in_map(self, argument: Any) -> Any:
        keys = [as_text(self.resolve(item)) for item in _arguments("Fn::FindInMap", argument, 3)]
        found: Any = self.mappings
        for key in keys:
            if not isinstance(found, dict) or key not in found:
                raise invalid(f"Template error: Unable to get mapping for {'::'.join(keys)}")
            found = found[key]
        return found

    def _base64(self, argument: Any) -> Any:
        text = self.resolve(argument)
        return UNKNOWN if text is UNKNOWN else base64.b64encode(str(text).encode()).decode()


_FUNCTIONS: dict[str, Callable[[Scope, Any], Any]] = {
    "Ref": Scope._ref,
    "Fn::GetAtt": Scope._attribute,
    "Fn::Sub": Scope._sub,
    "Fn::Join": Scope._join,
    "Fn::Select": Scope._select,
    "Fn::Split": Scope._split,
    "Fn::FindInMap": Scope._find_in_map,
    "Fn::Base64": Scope._base64,
    "Fn::If": lambda scope, argument: scope.resolve(scope.prune({"Fn::If": argument})),
}


def has_unknown(value: Any) -> bool:
    """Whether some part of a resolved value is only known after the deployment."""
    if isinstance(value, dict):
        return any(map(has_unknown, value.values()))
    return any(map(has_unknown, value)) if isinstance(value, list) else value is UNKNOWN


def _arguments(name: str, argument: Any, count: int) -> list[Any]:
    if not isinstance(argument, list) or len(argument) != count:
        raise invalid(f"Template error: {name} needs a list of {count} items, not {argument!r}")
    return argument


def _get_att(argument: Any) -> tuple[str, str]:
    parts = argument.split(".", 1) if isinstance(argument, str) else argument
    if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
        raise invalid(f"Template error: every Fn::GetAtt names a resource and an attribute, not {argument!r}")
    return parts[0], parts[1]


def _sub_parts(argument: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(argument, str):
        return argument, {}
    text, own = _arguments("Fn::Sub", argument, 2)
    if not isinstance(text, str) or not isinstance(own, dict):
        raise invalid(f"Template error: Fn::Sub needs a string and a map, not {argument!r}")
    return text, own


def _placeholders(text: str) -> list[str]:
    return [match[2].strip() for match in _PLACEHOLDER.finditer(text) if not match[1]]


def as_text(value: Any) -> str:
    """A scalar as CloudFormation writes it: `true`, not `True`."""
    return str(value).lower() if isinstance(value, bool) else str(value)
