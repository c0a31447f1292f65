"""Turn parcels into features: text becomes numbers here."""

from __future__ import annotations

import pandas as pd


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the contract's features and label for each row."""
    allowed = rows["promised_at"] - rows["shipped_at"]
    return pd.DataFrame(
        {
            "late": rows["late"],
            "is_south": (rows["carrier"] == "south").astype("int64"),
            "is_north": (rows["carrier"] == "north").astype("int64"),
            "promised_days": allowed.dt.total_seconds() / 86400,
            "weight_kg": rows["weight_kg"],
        }
    )
