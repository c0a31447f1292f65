"""Small drops of taxi trips, and what a run of prepare left behind. Used by the tests beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ["pickup_datetime", "dropoff_datetime", "passenger_count", "trip_distance", "rate_code_id"]
HEADER = ",".join([*COLUMNS, "congestion_surcharge", "total_amount"])
Prepare = Callable[..., "Prepared"]


def trip(i: int = 0, **changes: str) -> str:
    """Return a good row that differs from all others, with some of its cells changed."""
    cells = {
        "pickup_datetime": f"2018-03-{1 + i % 28:02} 10:{i // 28 % 60:02}:{i // 1680 % 60:02}",
        "dropoff_datetime": f"2018-03-{1 + i % 28:02} 11:{i // 28 % 60:02}:{i // 1680 % 60:02}",
        "passenger_count": "1",
        "trip_distance": f"{1 + i % 97 / 10}",
        "rate_code_id": "1",
        "congestion_surcharge": "",
        "total_amount": f"{10 + i % 89 / 2}",
    }
    return ",".join({**cells, **changes}.values())


def table(rows: Iterable[str], header: str = HEADER) -> bytes:
    """Return a CSV file."""
    return ("\n".join([header, *rows]) + "\n").encode()


class Prepared:
    """What a run of prepare left behind."""

    def __init__(self, folder: Path, code: int) -> None:
        self.folder, self.code = folder, code

    @property
    def message(self) -> str:
        return (self.folder / "message").read_text()

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.folder / "output" / "report" / "report.json").read_text())
        return report

    @property
    def golden(self) -> dict[str, Any]:
        golden: dict[str, Any] = json.loads((self.folder / "output" / "golden" / "golden.json").read_text())
        return golden

    def rows(self, split: str) -> list[str]:
        return (self.folder / "output" / split / f"{split}.csv").read_text().splitlines()
