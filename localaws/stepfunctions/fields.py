"""Fields that types of state share: where to go next, variables, retries, catchers. Used by `definition`."""

from __future__ import annotations

from datetime import datetime

from localaws.stepfunctions import machine
from localaws.stepfunctions.failures import ALL, PREDEFINED
from localaws.stepfunctions.reader import READS_ERROR, READS_INPUT, Reader
from localaws.stepfunctions.templates import Template

LONGEST_NAME = 80
RULE = frozenset({"Output", "Assign", "Next", "Comment"})
"""What a Choice's rule and a catcher have in common."""
_RETRIER = frozenset(
    {"Comment", "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds"} | {"JitterStrategy"}
)


def moment(text: str) -> datetime | None:
    """The moment that an RFC 3339 timestamp names, or None."""
    if "T" not in text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else None


def next_field(reader: Reader) -> str | None:
    """`Next`, or None where `End` says so."""
    target, end = reader.text("Next"), reader.flag("End")
    if (target is not None) == end:
        reader.note("A state must have either 'Next' or '\"End\": true'")
    return target


def assign(reader: Reader, reads: frozenset[str] = READS_INPUT) -> Template | None:
    """`Assign`, with names that variables can have."""
    names = reader.child("Assign")
    if names is None:
        return None
    for name in names.fields:
        if not name.isidentifier() or len(name) > LONGEST_NAME or name == "states":
            names.note(f"'{name}' is not a name for a variable", name)
    return reader.template("Assign", reads)


def _error_equals(reader: Reader, *, last: bool) -> tuple[str, ...]:
    names = reader.names("ErrorEquals")
    for name in names:
        if name.startswith("States.") and name not in PREDEFINED:
            reader.note(f"There is no error '{name}'", "ErrorEquals")
    if ALL in names and (len(names) > 1 or not last):
        reader.note(f"'{ALL}' must stand alone, in the last element", "ErrorEquals")
    return names


def retry(reader: Reader) -> tuple[machine.Retrier, ...]:
    """`Retry`."""
    parts = reader.children("Retry")
    retriers = []
    for index, part in enumerate(parts):
        part.only(_RETRIER, required=("ErrorEquals",))
        interval = part.whole("IntervalSeconds", 1)
        longest = part.whole("MaxDelaySeconds", 1) if "MaxDelaySeconds" in part.fields else None
        if longest is not None and longest <= interval:
            part.note("MaxDelaySeconds must be greater than IntervalSeconds", "MaxDelaySeconds")
        retriers.append(
            machine.Retrier(
                error_equals=_error_equals(part, last=index == len(parts) - 1),
                interval_seconds=interval,
                max_attempts=part.whole("MaxAttempts", 3, least=0),
                backoff_rate=part.number("BackoffRate", 2.0, least=1.0),
                max_delay_seconds=longest,
                full_jitter=part.one_of("JitterStrategy", ("NONE", "FULL")) == "FULL",
            )
        )
    return tuple(retriers)


def catch(reader: Reader) -> tuple[machine.Catcher, ...]:
    """`Catch`."""
    parts = reader.children("Catch")
    catchers = []
    for index, part in enumerate(parts):
        part.only(RULE | {"ErrorEquals"}, required=("ErrorEquals", "Next"))
        catchers.append(
            machine.Catcher(
                error_equals=_error_equals(part, last=index == len(parts) - 1),
                next=part.text("Next") or "",
                output=part.template("Output", READS_ERROR),
                assign=assign(part, READS_ERROR),
            )
        )
    return tuple(catchers)
