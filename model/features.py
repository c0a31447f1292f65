"""Turn rows of a drop into the model's features and label. Called by the prepare job, batch by batch."""

from __future__ import annotations

import pandas as pd


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each row of `rows`, in the same order: the contract's features and its label.

    `rows` holds the contract's columns, typed and without blanks. Ranges are not checked here: the contract
    says what a feature may be, and the job refuses the rows that are outside.
    """
    trip = rows["dropoff_datetime"] - rows["pickup_datetime"]
    return pd.DataFrame(
        {
            "duration_minutes": trip.dt.total_seconds() / 60,
            "trip_distance": rows["trip_distance"],
            "passenger_count": rows["passenger_count"],
            "rate_code_id": rows["rate_code_id"],
            "congestion_surcharge": rows["congestion_surcharge"],
            "total_amount": rows["total_amount"],
        }
    )
