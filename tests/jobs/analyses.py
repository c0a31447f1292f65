"""Captured requests to analyze, and what a run of analyze left behind. Used by the tests beside it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., "Analysis"]


def capture(data: str, time: str = "2019-02-01T10:30:00Z", encoding: str = "CSV", **entry: Any) -> str:
    """Return a line of data capture."""
    if encoding == "BASE64":
        data = base64.b64encode(data.encode()).decode()
    given = {"observedContentType": "text/csv", "mode": "INPUT", "data": data, "encoding": encoding, **entry}
    output = {"observedContentType": "text/csv", "mode": "OUTPUT", "data": "12.5\n", "encoding": "CSV"}
    return json.dumps(
        {
            "captureData": {"endpointInput": given, "endpointOutput": output},
            "eventMetadata": {"eventId": "5d1e", "inferenceTime": time},
            "eventVersion": "0",
        }
    )


class Analysis:
    """What a run of analyze left behind."""

    def __init__(self, folder: Path, code: int) -> None:
        self.folder, self.code = folder, code

    @property
    def message(self) -> str:
        return (self.folder / "message").read_text()

    def file(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text())
        return content

    def feature(self, name: str) -> dict[str, Any]:
        return next(entry for entry in self.file("statistics")["features"] if entry["name"] == name)

    @property
    def violations(self) -> list[tuple[str, str]]:
        found = self.file("constraint_violations")["violations"]
        return [(entry["feature_name"], entry["constraint_check_type"]) for entry in found]

    @property
    def descriptions(self) -> str:
        return "\n".join(entry["description"] for entry in self.file("constraint_violations")["violations"])


SMALL = "a,b,c\n" + "".join(f"{i}.5,{i % 3},{'xyz'[i % 3]}\n" for i in range(300))


def small_rows(changes: dict[int, str]) -> list[str]:
    rows = SMALL.splitlines()[1:]
    return [capture(changes.get(i, row)) for i, row in enumerate(rows)]
