"""Read JSON strictly, naming the key that is wrong. Used by every parser of the domain."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from safe_deploy.errors import InvalidRequestError

JOINERS = "\u200c\u200d"
"""Join letters or keep them apart, where a script needs it, and put emoji together; they show nothing themselves."""
LINE_ENDS = "\n\t"
LONGEST_SHOWN = 80


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
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def spaced(text: str) -> str:
    """Return a text with plain spaces for all others, such as the no-break space that some keyboards type."""
    return "".join(" " if unicodedata.category(character) == "Zs" else character for character in text)


def oddity(text: str, allowed: str = "") -> str:
    """Return the name of the first character that isn't plain; empty when all are.

    Plain is what shows itself, and what joins it. A control character isn't, nor one that turns the direction of text.
    """
    for character in text:
        if not character.isprintable() and character not in JOINERS + allowed:
            name = unicodedata.name(character, "")
            return f"U+{ord(character):04X}" + (f" ({name.lower()})" if name else "")
    return ""


def is_blank(text: str) -> bool:
    """Return whether a text shows nothing."""
    return not "".join(character for character in text if character not in JOINERS).strip()


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
        """Return a key's path from the top of the document; a key that is long or doesn't print is quoted."""
        spelled = key if key.isprintable() and len(key) <= LONGEST_SHOWN else shown(key)
        return f"{self.path}.{spelled}" if self.path else spelled

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
        return self._plain(key, maximum, "must be plain text on one line")

    def prose(self, key: str, *, maximum: int) -> str:
        """Return a text that a person wrote, perhaps in several lines."""
        return self._plain(key, maximum, "must be plain text", LINE_ENDS)

    def _plain(self, key: str, maximum: int, problem: str, allowed: str = "") -> str:
        text = spaced(self.text(key, maximum=maximum))
        if is_blank(text):
            self.fail(key, "must be a string that is not empty")
        if found := oddity(text, allowed):
            self.fail(key, f"{problem}, without {found}")
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
