"""Download whole months of taxi trips and lay them out as a drop. Called by `make data`; needs the network.

    python model/samples/fetch.py 2018-01 2018-02 --output data/taxi-2018

A month is 7 to 9 million trips and about 120 MB.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path

from pyarrow import parquet

SITE = "https://d37ci6vzurychx.cloudfront.net/trip-data"
OUR_NAMES = {
    "VendorID": "vendor_id",
    "tpep_pickup_datetime": "pickup_datetime",
    "tpep_dropoff_datetime": "dropoff_datetime",
    "passenger_count": "passenger_count",
    "trip_distance": "trip_distance",
    "RatecodeID": "rate_code_id",
    "congestion_surcharge": "congestion_surcharge",
    "total_amount": "total_amount",
}


def download(month: str, target: Path) -> None:
    """Fetch a month's Parquet file. Raises OSError in one sentence if that isn't possible."""
    url = f"{SITE}/yellow_tripdata_{month}.parquet"
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, target.open("wb") as file:  # noqa: S310
            shutil.copyfileobj(answer, file)
    except urllib.error.HTTPError as error:
        raise OSError(f"{url} answered {error.code}; the TLC publishes a month about two months later") from error
    except (urllib.error.URLError, TimeoutError) as error:
        raise OSError(
            f"can't reach {url} ({getattr(error, 'reason', error)}); this needs the network. "
            "The samples in model/samples work without it."
        ) from error


def rename_columns(source: Path, target: Path) -> int:
    """Copy a month row group by row group under our column names; return its rows."""
    with parquet.ParquetFile(source) as file:
        names = [name for name in OUR_NAMES if name in file.schema_arrow.names]
        writer = None
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=names)
            table = table.rename_columns([OUR_NAMES[name] for name in table.column_names])
            writer = writer or parquet.ParquetWriter(target, table.schema)
            writer.write_table(table)
        if writer is None:
            raise OSError(f"{source.name} holds no rows")
        writer.close()
        rows: int = file.metadata.num_rows
    return rows


def month_name(text: str) -> str:
    """Check a month given on the command line."""
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", text):
        raise argparse.ArgumentTypeError(f"{text} is not a month such as 2018-01")
    return text


def main(argv: list[str] | None = None) -> int:
    """Download, rename, write the manifest last: it is what makes a drop complete."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("months", nargs="*", type=month_name, default=["2018-01"], help="2018-01 if none is given")
    parser.add_argument("--output", type=Path, default=Path("data"), help="the drop's folder")
    given = parser.parse_args(argv)
    given.output.mkdir(parents=True, exist_ok=True)
    files = []
    for month in given.months:
        downloaded = given.output / f"{month}.download"
        target = given.output / f"trips-{month}.parquet"
        try:
            download(month, downloaded)
            rows = rename_columns(downloaded, target)
        except OSError as error:
            print(f"no data: {error}", file=sys.stderr)
            return 1
        finally:
            downloaded.unlink(missing_ok=True)
        print(f"{target}: {rows:,} trips")
        files.append(target.name)
    manifest = {"files": files, "description": f"Yellow taxi trips of {', '.join(given.months)}"}
    (given.output / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
