"""Invent the toy's drop and traffic; always the same. Run by hand."""

from __future__ import annotations

import gzip
import random
from datetime import datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent


def write(name: str, lines: list[str]) -> None:
    """Write a gzip file whose bytes depend on the lines alone."""
    (HERE / name).write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))


def main() -> None:
    """Invent 3,000 parcels and 400 requests."""
    chance = random.Random(7)
    drop, traffic = (
        ["late,note,carrier,shipped_at,promised_at,weight_kg"],
        ["weight_kg,promised_days,is_north,is_south"],
    )
    for _ in range(3400):
        carrier, weight = chance.choice(["coast", "north", "south"]), round(chance.uniform(0.1, 40), 2)
        shipped = datetime(2024, 1, 1) + timedelta(minutes=chance.randrange(500_000))  # noqa: DTZ001
        days = chance.randrange(1, 15)
        late = chance.random() < 1 / (1 + days) * (1 + weight / 20) * (1.5 if carrier == "north" else 0.7)
        if len(drop) <= 3000:
            text = "" if chance.random() < 0.05 else str(weight)
            drop.append(f"{int(late)},a parcel,{carrier},{shipped},{shipped + timedelta(days=days)},{text}")
        else:
            traffic.append(f"{weight},{days}.0,{int(carrier == 'north')},{int(carrier == 'south')}")
    write("parcels.csv.gz", drop)
    write("traffic.csv.gz", traffic)


if __name__ == "__main__":
    main()
