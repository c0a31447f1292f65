"""The rule of a composite alarm, such as `ALARM(a) AND NOT OK("b")`. Called by the composite alarms.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm.html
"""

from __future__ import annotations

import re
from collections.abc import Callable

from localaws.errors import AwsError

StateOf = Callable[[str], str]
"""The present state of the alarm of that name."""
Rule = Callable[[StateOf], bool]
STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
TOKEN = re.compile(
    r"\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?P<alarm>\"[^\"]*\"|'[^']*'|[^\s()\"']+)\s*\)"
    r"|(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<sign>[()]))"
)


def parse_rule(text: str) -> tuple[Rule, set[str]]:
    """The rule and the names of the alarms it looks at. Raises `AwsError` (`ValidationError`)."""
    tokens: list[tuple[str, str]] = []
    at = 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        if found is None:
            raise _invalid(text, f"unexpected {text[at:].strip()[:20]!r}")
        if found.group("state"):
            name = found.group("alarm").strip("\"'").rpartition(":alarm:")[2]
            tokens.append((found.group("state"), name))
        else:
            tokens.append((found.group("word") or found.group("sign"), ""))
        at = found.end()
    parser = _Parser(text, tokens)
    return parser.parse(), {name for kind, name in tokens if kind in STATES}


class _Parser:
    def __init__(self, text: str, tokens: list[tuple[str, str]]) -> None:
        self._text = text
        self._tokens = [*tokens, ("end", "")]

    def parse(self) -> Rule:
        rule = self._any()
        if self._tokens[0][0] != "end":
            raise _invalid(self._text, f"unexpected {self._tokens[0][0]!r}")
        return rule

    def _any(self) -> Rule:
        parts = [self._all()]
        while self._tokens[0][0] == "OR":
            self._tokens.pop(0)
            parts.append(self._all())
        return lambda state_of: any(part(state_of) for part in parts)

    def _all(self) -> Rule:
        parts = [self._one()]
        while self._tokens[0][0] == "AND":
            self._tokens.pop(0)
            parts.append(self._one())
        return lambda state_of: all(part(state_of) for part in parts)

    def _one(self) -> Rule:
        kind, name = self._tokens.pop(0)
        if kind == "NOT":
            negated = self._one()
            return lambda state_of: not negated(state_of)
        if kind == "(":
            inner = self._any()
            if self._tokens.pop(0)[0] != ")":
                raise _invalid(self._text, "')' expected")
            return inner
        if kind in ("TRUE", "FALSE"):
            return lambda _state_of: kind == "TRUE"
        if kind in STATES:
            return lambda state_of: state_of(name) == kind
        raise _invalid(self._text, f"unexpected {kind!r}")


def _invalid(text: str, reason: str) -> AwsError:
    return AwsError("ValidationError", f"Error in AlarmRule {text!r}: {reason}")
