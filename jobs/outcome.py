"""How a job ends: its message, its exit code and the errors that decide them. Used by every job.

JobError              the job can't go on; its text is a plain sentence for a person
├── DataRefusedError  the data are at fault: the drop, not the program, has to change
└── ModelFolderError  something in the user's model folder is at fault
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MESSAGE_LIMIT = 1024


class JobError(Exception):
    """The job can't go on. The text says what was wrong, where, and what to do."""


class DataRefusedError(JobError):
    """The data were read and refused, or couldn't be read."""


class ModelFolderError(JobError):
    """The contract, the policy or a function in the model folder is wrong."""


def write_message(path: Path, text: str) -> None:
    """Write what SageMaker hands on as the job's ExitMessage; it keeps 1,024 characters."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text[:MESSAGE_LIMIT], encoding="utf-8")


def one_line(text: str, limit: int) -> str:
    """Return a text that others may show as it is: on one line, `?` for what doesn't print, cut to a limit."""
    plain = "".join(character if character.isprintable() else "?" for character in " ".join(text.split()))
    return plain if len(plain) <= limit else f"{plain[: limit - 1]}…"


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON file that other programs read; NaN and infinity are refused, since JSON has neither."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def finish(message: Path, job: Callable[[], str]) -> int:
    """Run `job`, leave its sentence (or its error's) as the message, and return the exit code."""
    try:
        text, code = job(), 0
    except JobError as error:
        text, code = str(error), 1
    except Exception as error:
        write_message(message, f"the job failed unexpectedly, see its log: {type(error).__name__}: {error}")
        raise
    write_message(message, text)
    print(text, file=sys.stderr if code else sys.stdout, flush=True)
    return code
