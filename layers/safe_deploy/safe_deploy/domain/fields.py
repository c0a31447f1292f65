"""Read JSON strictly, naming the key that is wrong. Used by every parser of the domain."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from safe_deploy.errors import InvalidRequestError


def parse_json(text: bytes | str, place: str) -> Any:
    """Parse JSON. Raises InvalidRequestError for anything that isn't, for a key given twice and for NaN."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise InvalidRequestError(f"{place} gives the key {shown(key)} twice")
            found[key] = value
        return found

    def constant(name: str) -> NoReturn:
        raise InvalidRequestError(f"{place} holds {name}, which is not JSON; use a finite number")

    def finite(digits: str) -> float:
        value = float(digits)
        return value if math.isfinite(value) else constant(digits)

    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        return json.loads(decoded, object_pairs_hook=members, parse_constant=constant, parse_float=finite)
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"{place} is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise InvalidRequestError(
            f"{place} is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
    except (RecursionError, ValueError) as error:
        raise InvalidRequestError(f"{place} can't be read: it nests too deeply, or a number is too long") from error


def shown(value: Any) -> str:
    """Return a value as it may stand in a message: short, on one line, without control characters."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def is_plain(text: str) -> bool:
    """Return whether a text has only printable characters, line ends and tabs."""
    return text.replace("\n", " ").replace("\t", " ").isprintable()


class Fields:
    """A JSON object whose keys are read one by one; `end` refuses the keys that nobody read.

    Every method raises InvalidRequestError, with the place and the key's path, when the value isn't as asked.
    """

    def __init__(self, given: Any, place: str, path: str = "") -> None:
        self.place, self.path = place, path
        if not isinstance(given, dict):
            raise InvalidRequestError(f"{place}{f': {path}' if path else ''} must be a JSON object")
        self._given: Mapping[str, Any] = given
        self._read: set[str] = set()

    def fail(self, key: str, problem: str) -> NoReturn:
        """Raise InvalidRequestError about a key."""
        raise InvalidRequestError(f"{self.place}: {self.name_of(key)} {problem}")

    def name_of(self, key: str) -> str:
        """Return a key's path from the top of the document."""
        return f"{self.path}.{key}" if self.path else key

    def __contains__(self, key: str) -> bool:
        return key in self._given

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def value(self, key: str) -> Any:
        """Return a value of any type."""
        self._read.add(key)
        if key not in self._given:
            self.fail(key, "is missing")
        return self._given[key]

    def text(self, key: str, *, maximum: int = 1024) -> str:
        """Return a string that isn't empty."""
        value = self.value(key)
        if not isinstance(value, str) or not value.strip():
            self.fail(key, "must be a string that is not empty")
        if len(value) > maximum:
            self.fail(key, f"must have at most {maximum} characters")
        return value

    def line(self, key: str, *, maximum: int) -> str:
        """Return a text of one line: nothing in it can be taken for another line of a list or a mail."""
        text = self.text(key, maximum=maximum)
        if not text.isprintable():
            self.fail(key, "must be plain text on one line")
        return text

    def prose(self, key: str, *, maximum: int) -> str:
        """Return a text that a person wrote, perhaps in several lines."""
        text = self.text(key, maximum=maximum)
        if not is_plain(text):
            self.fail(key, "must be plain text")
        return text

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """Return one of the allowed strings."""
        value = self.value(key)
        if value not in allowed:
            self.fail(key, f"must be one of {', '.join(allowed)}, not {shown(value)}")
        return str(value)

    def number(
        self,
        key: str,
        *,
        above: float = -math.inf,
        minimum: float = -math.inf,
        maximum: float = math.inf,
        below: float = math.inf,
    ) -> float:
        """Return a finite number within the bounds."""
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            self.fail(key, f"must be a number, not {shown(value)}")
        bounds = (
            (value > above, f"above {above:g}"),
            (value >= minimum, f"at least {minimum:g}"),
            (value <= maximum, f"at most {maximum:g}"),
            (value < below, f"below {below:g}"),
        )
        for holds, words in bounds:
            if not holds:
                self.fail(key, f"must be {words}, not {value:g}")
        return value

    def integer(self, key: str, *, minimum: int, maximum: int) -> int:
        """Return a whole number within the bounds."""
        value = self.number(key, minimum=minimum, maximum=maximum)
        if value != int(value):
            self.fail(key, f"must be a whole number, not {value:g}")
        return int(value)

    def object(self, key: str) -> Fields:
        """Return a nested object."""
        return Fields(self.value(key), self.place, self.name_of(key))

    def list(self, key: str, *, minimum: int = 0, maximum: int = 1000) -> list[Any]:
        """Return a list of an allowed length."""
        value = self.value(key)
        if not isinstance(value, list):
            self.fail(key, "must be a list")
        if not minimum <= len(value) <= maximum:
            self.fail(key, f"must have {minimum} to {maximum} entries, not {len(value)}")
        return value

    def objects(self, key: str, *, minimum: int = 0, maximum: int = 1000) -> Iterator[Fields]:
        """Return the objects of a list, each with its place in it."""
        for place, entry in enumerate(self.list(key, minimum=minimum, maximum=maximum)):
            yield Fields(entry, self.place, f"{self.name_of(key)}[{place}]")

    def end(self) -> None:
        """Refuse the keys that were given and never asked for."""
        for key in self._given:
            if key not in self._read:
                self.fail(key, "is not a key that is known here")
