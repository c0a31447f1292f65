"""Make the sample drops and the sample traffic out of a folder of monthly CSV files. Run by hand, rarely.

    python model/samples/make_samples.py <folder with yellow_YYYY-MM.csv.gz files>

Deterministic: rows are taken in the order of their own digests; the same folder gives the same samples.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib.util
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).resolve().parent
ROWS_A_MONTH = {2018: 2500, 2019: 2600}
TRAFFIC_ROWS = {"2019-01": 300, "2019-02": 1900, "2019-03": 1900}


def read_month(source: Path, month: str) -> tuple[str, list[str]]:
    """Return a month's header and its lines as they stand."""
    with gzip.open(source / f"yellow_{month}.csv.gz", "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    return lines[0], lines[1:]


def digest(line: str) -> bytes:
    """Return what orders a line among its month's lines."""
    return hashlib.blake2b(line.encode(), digest_size=8).digest()


def write(name: str, lines: list[str]) -> None:
    """Write a gzip file whose bytes depend on the lines alone."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9, mtime=0, filename="") as file:
        file.write(("\n".join(lines) + "\n").encode())
    (HERE / name).write_bytes(buffer.getvalue())
    print(f"{name}: {len(lines) - 1} rows, {len(buffer.getvalue())} bytes")


def make_drop(source: Path, year: int, months: range) -> set[str]:
    """Write a year's drop; return the lines that are in it."""
    sample: list[str] = []
    header = ""
    for month in months:
        header, lines = read_month(source, f"{year}-{month:02}")
        taken = set(sorted(lines, key=digest)[: ROWS_A_MONTH[year]])
        sample += [line for line in lines if line in taken]
    write(f"{year}.csv.gz", [header, *sample])
    return set(sample)


def make_traffic(source: Path, taken: set[str]) -> None:
    """Write feature rows of trips that are in no drop, in the order in which they began."""
    contract = json.loads((HERE.parent / "contract.json").read_text(encoding="utf-8"))
    sample: list[str] = []
    header = ""
    for month, count in TRAFFIC_ROWS.items():
        header, lines = read_month(source, month)
        sample += sorted(set(lines) - taken, key=digest)[:count]
    rows = pd.read_csv(io.StringIO("\n".join([header, *sample])))
    for column in ("pickup_datetime", "dropoff_datetime"):
        rows[column] = pd.to_datetime(rows[column])
    rows["congestion_surcharge"] = rows["congestion_surcharge"].fillna(0)
    rows = rows.dropna(subset=["passenger_count", "rate_code_id"]).sort_values("pickup_datetime", kind="stable")
    table = load_features()(rows)
    for feature in contract["features"]:
        table = table[allowed(table[feature["name"]], feature)]
        if feature["type"] == "integer":
            table[feature["name"]] = table[feature["name"]].astype("int64")
    text = table[[feature["name"] for feature in contract["features"]]].round(4).to_csv(index=False)
    write("traffic-2019.csv.gz", text.splitlines())


def allowed(values: Any, rule: dict[str, Any]) -> Any:
    """Return which values are inside the contract's range."""
    inside = values.notna()
    if "minimum" in rule:
        inside &= values >= rule["minimum"]
    if "maximum" in rule:
        inside &= values <= rule["maximum"]
    if "exclusiveMinimum" in rule:
        inside &= values > rule["exclusiveMinimum"]
    if "exclusiveMaximum" in rule:
        inside &= values < rule["exclusiveMaximum"]
    return inside


def load_features() -> Any:
    """Load ../features.py by its path."""
    spec = importlib.util.spec_from_file_location("sampled_features", HERE.parent / "features.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.features


def main() -> None:
    """Make all three files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="folder of monthly CSV files, yellow_YYYY-MM.csv.gz")
    source = parser.parse_args().source
    taken = make_drop(source, 2018, range(1, 13)) | make_drop(source, 2019, range(2, 13))
    make_traffic(source, taken)


if __name__ == "__main__":
    main()
