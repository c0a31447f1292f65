"""Time and memory of the monitor's analysis beside pandas and scipy. Run by a person, or by `make bench`.

    python bench/analyze.py [rows] [rounds]

Both compare `rows` current rows with as many of a baseline, six columns. `analyze` reads the baseline's
stored sketches, as each hourly run does; `pandas_ks` has to read its rows. `analyze_baseline` is what the
baseline costs, once a release; `analyze_capture` reads the current rows as captured requests, one a record.
Rounds take turns; figures are medians of whole processes (seconds; peak memory in MB). `error` is the largest
difference between a distance of ours and the exact one. The last line is JSON.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venvs/jobs/bin/python"
COLUMNS = ["minutes", "miles", "riders", "code", "surcharge", "hour"]


def main() -> None:
    rows, rounds = (int(argument) for argument in (*sys.argv[1:3], "1000000", "3")[:2])
    samples: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, seed, scale in (("baseline", 1, 1.0), ("current", 2, 1.03)):
            invent(folder / part, rows, seed, scale)
        stored = {
            f"baseline_{kind}": str(folder / "out-baseline" / f"{kind}.json") for kind in ("statistics", "constraints")
        }
        csv, capture = '{"csv": {"header": true}}', '{"sagemakerCaptureJson": {}}'
        peer = [str(ROOT / "bench/peers/pandas_ks.py")]
        peer += [str(folder / part / "csv" / "data.csv") for part in ("baseline", "current")]
        analyze = [str(ROOT / "jobs/analyze.py")]
        runs = {
            "analyze_baseline": (analyze, job(folder, "baseline", folder / "baseline/csv", csv)),
            "analyze": (analyze, {**job(folder, "csv", folder / "current/csv", csv), **stored}),
            "analyze_capture": (
                analyze,
                {**job(folder, "capture", folder / "current/jsonl", capture), **stored},
            ),
            "pandas_ks": (peer, {}),
        }
        exact: dict[str, float] = {}
        for _ in range(rounds):
            for title, (command, environment) in runs.items():
                figures, output = measure([str(PYTHON), *command], environment)
                samples.setdefault(title, []).append(figures)
                exact = json.loads(output) if title == "pandas_ks" else exact
        report = json.loads((folder / "out-csv/report.json").read_text())
        ours = {name: report["metrics"][f"feature_baseline_drift_{name}"] for name in COLUMNS}
    figures_of = {
        title: {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]}
        for title, runs in samples.items()
    }
    for title, row in figures_of.items():
        print(f"{title:18}" + "".join(f"{key} {value:>9} " for key, value in row.items()))
    error = max(abs(ours[name] - exact[name]) for name in COLUMNS)
    ratios = {key: figures_of["pandas_ks"][key] / figures_of["analyze"][key] for key in ("wall", "cpu", "peak")}
    print(f"pandas_ks / analyze: {ratios}; largest error of a distance: {error:.6f}")
    print(json.dumps({"rows": rows, **figures_of, "error": round(error, 6)}))


def job(folder: Path, name: str, source: Path, dataset_format: str) -> dict[str, str]:
    """The environment of one analysis."""
    return {
        "dataset_format": dataset_format,
        "dataset_source": str(source),
        "output_path": str(folder / f"out-{name}"),
        "message_path": str(folder / f"out-{name}" / "message"),
        "comparison_method": "Simple",
    }


def invent(folder: Path, rows: int, seed: int, scale: float) -> None:
    """Write rows as a CSV file and as captured requests."""
    for kind in ("csv", "jsonl"):
        (folder / kind).mkdir(parents=True)
    chance = random.Random(seed)
    with (folder / "csv/data.csv").open("w") as csv, (folder / "jsonl/data.jsonl").open("w") as jsonl:
        csv.write(",".join(COLUMNS) + "\n")
        for _ in range(rows):
            minutes, miles = chance.gammavariate(2, 7) * scale, chance.lognormvariate(0.6, 0.9)
            row = f"{minutes:.4f},{miles:.2f},{chance.choice('111123456')},1,{chance.choice(('0.0', '2.5'))},"
            row += str(chance.randrange(24))
            csv.write(row + "\n")
            entry = {
                "observedContentType": "text/csv",
                "mode": "INPUT",
                "data": row + "\n",
                "encoding": "CSV",
            }
            data = {"endpointInput": entry}
            moment = {"eventId": "5d1e", "inferenceTime": "2019-02-01T10:00:00Z"}
            jsonl.write(json.dumps({"captureData": data, "eventMetadata": moment, "eventVersion": "0"}) + "\n")


def measure(command: list[str], environment: dict[str, str]) -> tuple[dict[str, float], str]:
    """Run a process to its end: its wall time, CPU time and peak memory, and its output."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{command} failed: {output}")
    cpu = usage.ru_utime + usage.ru_stime
    return {"wall": wall, "cpu": cpu, "peak": usage.ru_maxrss / 1024}, output


if __name__ == "__main__":
    main()
