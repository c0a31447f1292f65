"""What a rule's target is given: the event, a part of it, a constant or a template. Called by EventBridge.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from localaws.errors import AwsError

Event = Mapping[str, Any]
PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.\-]+)>")
STEP = re.compile(r"\.([A-Za-z0-9_\-/]+)|\[(\d+|\*)\]")
MISSING = object()


def input_for(target: Mapping[str, Any], event: Event, rule_arn: str, received: str) -> str:
    """The text that a target receives for an event."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        found = value_at(str(target["InputPath"]), event)
        return _json(None if found is MISSING else found)
    if "InputTransformer" in target:
        return _transformed(target["InputTransformer"], event, rule_arn, received)
    return _json(event)


def check_input(target: Mapping[str, Any]) -> None:
    """Raise `ValidationException` unless the target's input can be made: one way, of known form."""
    ways = [way for way in ("Input", "InputPath", "InputTransformer") if way in target]
    if len(ways) > 1:
        raise _invalid(f"only one of {' and '.join(ways)} may be given for the target {target['Id']!r}")
    if "Input" in target:
        try:
            json.loads(target["Input"])
        except ValueError:
            raise _invalid(f"the Input of target {target['Id']!r} is not valid JSON") from None
    paths = {"InputPath": target["InputPath"]} if "InputPath" in target else {}
    transformer = target.get("InputTransformer", {})
    paths |= transformer.get("InputPathsMap", {})
    for name, path in paths.items():
        _steps(path)
        if name.lower().startswith("aws."):
            raise _invalid(f"the input path {name!r} is reserved")
    for name in PLACEHOLDER.findall(transformer.get("InputTemplate", "")):
        if name not in paths and name not in _predefined({}, "", ""):
            raise _invalid(f"the input template uses <{name}>, which no input path defines")


def value_at(path: str, event: Event) -> Any:
    """What a path such as `$.detail.items[0].id` finds in an event; `MISSING` when there is nothing."""
    found: Any = event
    for name, index in _steps(path):
        if name and isinstance(found, Mapping) and name in found:
            found = found[name]
        elif index and isinstance(found, list) and index != "*" and int(index) < len(found):
            found = found[int(index)]
        elif not (index == "*" and isinstance(found, list)):
            return MISSING
    return found


def _steps(path: str) -> list[tuple[str, str]]:
    steps = [(m.group(1) or "", m.group(2) or "") for m in STEP.finditer(path)]
    if not path.startswith("$") or sum(len(m.group(0)) for m in STEP.finditer(path)) != len(path) - 1:
        raise _invalid(f"invalid JSON path {path!r}")
    return steps


def _predefined(event: Event, rule_arn: str, received: str) -> dict[str, Any]:
    return {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rsplit("/", 1)[-1],
        "aws.events.event.ingestion-time": received,
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.json": event,
    }


def _transformed(transformer: Mapping[str, Any], event: Event, rule_arn: str, received: str) -> str:
    values = {name: value_at(path, event) for name, path in transformer.get("InputPathsMap", {}).items()}
    values |= _predefined(event, rule_arn, received)
    template = str(transformer["InputTemplate"])
    is_object = template.lstrip().startswith("{")
    pieces, end = [], 0
    for found in PLACEHOLDER.finditer(template):
        between = template[end : found.start()]
        pieces.append(between)
        quoted = _ends_in_string("".join(pieces))
        pieces.append(_filled(values[found.group(1)], quoted=quoted, is_object=is_object))
        end = found.end()
    return "".join([*pieces, template[end:]])


def _filled(value: Any, *, quoted: bool, is_object: bool) -> str:
    """A placeholder's text: inside a JSON string without quotes of its own, elsewhere as JSON."""
    if value is MISSING:
        return "" if quoted or not is_object else '""'
    if quoted:
        if isinstance(value, str):
            return json.dumps(value, ensure_ascii=False)[1:-1]
        return _json(value).replace('"', "")  # AWS drops the inner quotes
    if isinstance(value, str) and not is_object:
        return value
    return _json(value)


def _ends_in_string(text: str) -> bool:
    return len(re.findall(r'(?<!\\)(?:\\\\)*"', text)) % 2 == 1


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _invalid(reason: str) -> AwsError:
    return AwsError("ValidationException", reason[0].upper() + reason[1:])
