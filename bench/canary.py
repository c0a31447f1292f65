"""What the canary analysis decides, by simulation, beside an oracle and four common judges. `make bench-canary`.

    .venvs/jobs/bin/python bench/canary.py [--quick] [--only PART] [--runs N] [--processes N]

Needs numpy, which .venvs/jobs has; started by another Python it goes over to that one. Streams are invented by numpy,
the analysis under test is the shipped, pure Python one, looked at after every request. Goals are in requests, not
seconds: they don't depend on the rate. The last line is JSON:

    false_rollbacks  identical candidates: share ever rolled back, 95 % interval (Wilson), the judges' shares beside it
    detection        share rolled back; median candidate requests; the oracle's; their ratio; the judges'
    false_passes     candidates exactly at a margin: share that ever passed, looked at after every request, and `kept`,
                     the share whose pass still held at the end, which is what decides; `identical`: how soon a good
                     one passes for the first time, and how many keep it
    silence          no traffic of the candidate: promotions
    cost             microseconds a request, kilobytes of state, peak kilobytes of memory
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venvs/jobs/bin/python"
if importlib.util.find_spec("numpy") is None and PYTHON.exists() and Path(sys.executable) != PYTHON:
    os.execv(PYTHON, [str(PYTHON), *sys.argv])
sys.path[:0] = [str(ROOT), str(ROOT / "layers/safe_deploy")]

import numpy as np  # noqa: E402
from safe_deploy.domain.analysis import (  # noqa: E402
    CANDIDATE,
    CHAMPION,
    Analysis,
    AnalysisPolicy,
    Observation,
    Status,
)

from bench.peers.judges import JUDGES  # noqa: E402
from bench.peers.streams import Stream, Traffic, draw, oracle  # noqa: E402

POLICY = AnalysisPolicy()
LATENCY, PREDICTION = POLICY.latency_tolerance or 0.0, POLICY.prediction_tolerance or 0.0
EDGE = 0.12566
"""Normal score by which a candidate lies beyond the champion's median 5 % more often: the margin."""
CHUNK = 500
Cells = dict[str, tuple[Traffic, int]]
"""By name: what happens, and how many runs at full scale."""


def false_rollbacks() -> Cells:
    """Identical candidates: three base rates, with an outage of both, with a wrong weight; four rates of requests.

    The time goes where chance would show: a run at 20 requests a second takes as long as fifty at 0.2.
    """
    kinds: dict[str, dict[str, Any]] = {
        "plain": {},
        "outage": {"outage": True},
        "weight 12%": {"true": 0.12},
        "weight 8%": {"true": 0.08},
    }
    found: Cells = {}
    for rate, base, runs in (
        (0.2, 0.001, (2000, 2000, 2000, 400)),
        (0.2, 0, (400,) * 4),
        (0.2, 0.01, (400,) * 4),
        (2, 0.001, (200,) * 4),
        (20, 0.01, (8,) * 4),
    ):
        for (kind, more), number in zip(kinds.items(), runs, strict=True):
            traffic = Traffic(rate=rate, base=base, history=500, **more)
            found[f"{rate:g}/s, errors {base:.1%}, {kind}"] = (traffic, number)
    found["200/s, errors 0.1%, plain"] = (Traffic(rate=200), 2)
    found["2/s, errors 0.1%, tolerance used up"] = (Traffic(rate=2, slower=1.0, tolerated=True), 60)
    found["2/s, errors 0.1%, 5 cold starts"] = (Traffic(rate=2, cold=5), 60)
    found["2/s, errors 0.1%, no history"] = (Traffic(rate=2, history=0), 60)
    return found


def detection() -> Cells:
    """Candidates that differ, at 20 requests a second: 3,600 of the candidate in half an hour."""
    return {
        "errors 0.1 to 1%": (Traffic(errors=0.01), 240),
        "errors 0.1 to 5%": (Traffic(errors=0.05), 300),
        "errors 0.1 to 20%": (Traffic(errors=0.2), 300),
        "errors 0.1 to 100%": (Traffic(errors=1.0), 300),
        "errors 0 to 1%": (Traffic(base=0.0, errors=0.01), 200),
        "errors 1 to 5%": (Traffic(base=0.01, errors=0.05), 300),
        "errors 0.1 to 100%, no history": (Traffic(errors=1.0, history=0), 300),
        "errors 0.1 to 100%, from minute 10": (Traffic(errors=1.0, bad_from=10), 40),
        "latency x1.2": (Traffic(slower=1.2), 300),
        "latency x1.5": (Traffic(slower=1.5), 300),
        "latency x2": (Traffic(slower=2.0), 300),
        "latency, slowest 1% x5": (Traffic(tail=5.0), 200),
        "latency x1.5, from minute 10": (Traffic(slower=1.5, bad_from=10), 40),
        "predictions +0.1 sd": (Traffic(shift=0.1), 40),
        "predictions +0.25 sd": (Traffic(shift=0.25), 100),
        "predictions +0.5 sd": (Traffic(shift=0.5), 150),
        "predictions stuck": (Traffic(spread=0.0), 40),
        "predictions spread x2": (Traffic(spread=2.0), 40),
    }


def false_passes() -> Cells:
    """Candidates exactly at one margin, and identical ones (which should pass)."""
    at = {
        "errors 0 to 1%": Traffic(base=0.0, errors=0.01),
        "errors 1 to 2%": Traffic(base=0.01, errors=0.02),
        "errors 1 to 2%, weight 12%": Traffic(base=0.01, errors=0.02, true=0.12),
        "errors 1 to 2%, weight 8%": Traffic(base=0.01, errors=0.02, true=0.08),
        "errors 1 to 2%, outage": Traffic(base=0.01, errors=0.02, outage=True),
        "latency": Traffic(slower=float(np.exp(EDGE / 2))),
        "predictions": Traffic(shift=EDGE),
        "identical, errors 0%": Traffic(base=0.0),
        "identical, errors 0.1%": Traffic(),
        "identical, errors 1%": Traffic(base=0.01),
    }
    return {name: (replace(traffic, rate=10, minutes=20), 60) for name, traffic in at.items()}


def silence() -> Cells:
    """Nothing, or next to nothing, reaches the candidate."""
    return {
        "champion only": (Traffic(rate=2, true=0.0), 20),
        "no traffic at all": (Traffic(rate=0.0005), 20),
        "candidate at 0.2/s": (Traffic(rate=0.2), 20),
    }


PARTS = {
    "false_rollbacks": false_rollbacks,
    "detection": detection,
    "false_passes": false_passes,
    "silence": silence,
}


def run(task: tuple[str, Traffic, int]) -> dict[str, Any]:
    """Judge one stream; `task` is the part, what happens, and a seed."""
    part, traffic, seed = task
    rng = np.random.default_rng(seed)
    past, now = draw(traffic, rng, LATENCY, PREDICTION)
    analysis = Analysis(POLICY, traffic.asked, (entry for chunk in chunks(past) for entry in chunk))
    result: dict[str, Any] = {"failed": None, "passed": None, "kept": False, "metric": None}
    candidates, onset = 0, traffic.bad_from * 60
    for chunk in chunks(now):
        for observation in chunk:
            analysis.observe(observation)
            if analysis.has_failed:
                break
            if observation.version == CANDIDATE:
                candidates += observation.time >= onset
                if part in ("false_passes", "silence") and result["passed"] is None:
                    result["passed"] = candidates if analysis.status is Status.PASS else None
        else:
            continue
        break
    if analysis.has_failed:
        result["failed"], result["metric"] = candidates, analysis.verdict().metric
    elif analysis.status is Status.PASS:
        result["kept"] = True
        result["passed"] = candidates if result["passed"] is None else result["passed"]
    if part == "detection" and not onset and traffic.spread == 1:
        result["oracle"] = oracle(traffic, now, LATENCY, PREDICTION, POLICY.alpha)
    for name, judge in JUDGES.items():
        end = judge(now)
        late = now.time >= onset
        result[name] = None if end is None else int(np.count_nonzero((now.served & late)[: end + 1]))
    return result


def chunks(stream: Stream) -> Iterator[list[Observation]]:
    """Turn arrays into observations, a few at a time, so that nothing is made that nobody looks at."""
    for start in range(0, stream.time.size, CHUNK):
        part = slice(start, start + CHUNK)
        yield [
            Observation(at, CANDIDATE if served else CHAMPION, error, latency, cold, prediction)
            for at, served, error, latency, cold, prediction in zip(
                stream.time[part].tolist(),
                stream.served[part].tolist(),
                stream.error[part].tolist(),
                stream.latency[part].tolist(),
                stream.cold[part].tolist(),
                stream.prediction[part].tolist(),
                strict=True,
            )
        ]


def summary(part: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what a cell's runs came to."""
    runs = len(results)
    stopped = [result["failed"] for result in results if result["failed"] is not None]
    passed = [result["passed"] for result in results if result["passed"] is not None]
    found: dict[str, Any] = {"runs": runs}
    if part == "detection":
        found["detected"] = round(len(stopped) / runs, 3)
        found["requests"] = median(result["failed"] for result in results)
        if "oracle" in results[0]:
            found["oracle"] = median(None if r["oracle"] < 0 else r["oracle"] for r in results)
            if found["requests"] and found["oracle"]:
                found["ratio"] = round(found["requests"] / found["oracle"], 2)
        metrics = [result["metric"] for result in results if result["metric"]]
        found["named"] = max(set(metrics), key=metrics.count) if metrics else None
    if part == "false_rollbacks":
        found |= {"rate": len(stopped) / runs, "interval": wilson(len(stopped), runs)}
    if part in ("false_passes", "silence"):
        found |= {"passed": len(passed) / runs, "interval": wilson(len(passed), runs)}
        found["kept"] = sum(result["kept"] for result in results) / runs
        found |= {"requests": median(result["passed"] for result in results), "failed": len(stopped) / runs}
    for name in JUDGES:
        theirs = [result[name] for result in results if result[name] is not None]
        found[name] = round(1 - len(theirs) / runs if part in ("false_passes", "silence") else len(theirs) / runs, 3)
        if part == "detection":
            found[f"{name}_requests"] = median(result[name] for result in results)
    return found


def median(values: Iterator[int | None] | Any) -> float | None:
    """Return the median, those that never came being later than all; None where that is the median."""
    ordered = sorted(float("inf") if value is None else value for value in values)
    middle = statistics.median_high(ordered)
    return None if middle == float("inf") else middle


def wilson(count: int, runs: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    z, share = 1.96, count / runs
    centre, scale = share + z * z / (2 * runs), 1 + z * z / runs
    half = z * ((share * (1 - share) + z * z / (4 * runs)) / runs) ** 0.5
    return round(max(0.0, (centre - half) / scale), 4), round(min(1.0, (centre + half) / scale), 4)


def cost(requests: int) -> dict[str, float]:
    """Return what one request costs the analysis, and how large it grows."""
    rng = np.random.default_rng(0)
    past, now = draw(Traffic(rate=200, minutes=requests / 200 / 60), rng, LATENCY, PREDICTION)
    history, batch = ([entry for chunk in chunks(stream) for entry in chunk] for stream in (past, now))
    took = []
    for _ in range(3):
        analysis = Analysis(POLICY, 0.1, history)
        start = time.process_time()
        analysis.observe_many(batch)
        took.append((time.process_time() - start) / requests * 1e6)
    tracemalloc.start()
    analysis = Analysis(POLICY, 0.1, history).observe_many(batch)
    peak = tracemalloc.get_traced_memory()[1] / 1024
    tracemalloc.stop()
    state = len(json.dumps(analysis.to_state())) / 1024
    return {"microseconds": round(min(took), 1), "state_kb": round(state, 1), "peak_kb": round(peak, 1)}


def main() -> None:
    """Run every cell, print a table line for each, and everything as JSON on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the runs, under a minute")
    parser.add_argument("--only", choices=[*PARTS, "cost"])
    parser.add_argument("--match", default="", help="only cells whose name holds this")
    parser.add_argument("--runs", type=float, default=1.0, help="times as many runs")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    scale = given.runs * (0.05 if given.quick else 1.0)
    report: dict[str, Any] = {"quick": given.quick, "alpha": POLICY.alpha, "unproven": POLICY.unproven}
    began = time.monotonic()
    with ProcessPoolExecutor(given.processes) as pool:
        for part, cells in PARTS.items():
            if given.only not in (None, part):
                continue
            report[part] = {}
            print(f"\n{part}")
            for name, (traffic, most) in cells().items():
                if given.match not in name:
                    continue
                runs = max(1, int(most * scale))
                tasks = [(part, traffic, seed) for seed in range(runs)]
                results = list(pool.map(run, tasks, chunksize=max(1, runs // 50)))
                report[part][name] = summary(part, results)
                print(f"  {name:38}", *(f"{key}={value}" for key, value in report[part][name].items()), flush=True)
    if given.only in (None, "cost"):
        report["cost"] = cost(20_000)
        print("\ncost", report["cost"])
    report["seconds"] = round(time.monotonic() - began, 1)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
