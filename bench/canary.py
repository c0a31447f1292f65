"""What the canary analysis decides, by simulation, beside an oracle and four common judges. `make bench-canary`.

    .venvs/jobs/bin/python bench/canary.py [--quick] [--only PART] [--runs N] [--processes N]

Needs numpy, which .venvs/jobs has; started by another Python it goes over to that one. Streams are invented by numpy,
the analysis under test is the shipped, pure Python one, looked at after every request. Goals are in requests, not
seconds: they don't depend on the rate. Each cell's goal is printed beside its figures; where one is broken, the exit
status is 1. The last line is JSON:

    false_rollbacks  identical candidates: share ever rolled back, 95 % interval (Wilson), the judges' shares beside it;
                     `together` holds all cells of a rate, or of all margins
    detection        share rolled back; median candidate requests; the oracle's; their ratio; the judges'
    false_passes     candidates exactly at a margin: share that ever passed, looked at after every request, and `kept`,
                     the share whose pass still held at the end, which is what decides; `identical`: how soon a good
                     one passes for the first time, and how many keep it
    silence          no traffic of the candidate: promotions
    cost             microseconds a request, kilobytes of state, peak kilobytes of memory
    broken           the cells whose goal is broken
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
from safe_deploy.domain.fields import Fields  # noqa: E402
from safe_deploy.domain.shift.policy import CanaryPolicy  # noqa: E402

from bench import canary_cells as cells  # noqa: E402
from bench.canary_goals import goal, sentence  # noqa: E402
from bench.peers.judges import JUDGES  # noqa: E402
from bench.peers.streams import LOOK, Stream, Traffic, draw, oracle  # noqa: E402

POLICY = AnalysisPolicy()
SHIPPED = CanaryPolicy.parse(Fields(json.loads((ROOT / "model/policy.json").read_text())["canary"], "canary")).analysis
CHUNK = 500

PARTS = {
    "false_rollbacks": cells.false_rollbacks,
    "detection": cells.detection,
    "false_passes": cells.false_passes,
    "silence": cells.silence,
}


def run(task: tuple[str, Traffic, AnalysisPolicy, int]) -> dict[str, Any]:
    """Judge one stream; `task` is the part, what happens, by which policy, and a seed."""
    part, traffic, policy, seed = task
    rng = np.random.default_rng(seed)
    tolerances = policy.latency_tolerance or 0.0, policy.prediction_tolerance or 0.0
    past, now = draw(traffic, rng, *tolerances)
    analysis = Analysis(policy, traffic.asked, (entry for chunk in chunks(past) for entry in chunk))
    result: dict[str, Any] = {"failed": None, "passed": None, "kept": False, "metric": None}
    candidates, onset = 0, traffic.bad_from * 60
    for weight, chunk in looks(now, traffic):
        if traffic.is_kept:
            analysis = Analysis.from_state(json.loads(json.dumps(analysis.to_state())))
        analysis.shift(weight)
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
        result["oracle"] = oracle(traffic, now, *tolerances, policy.alpha)
    for name, judge in JUDGES.items():
        end = judge(now)
        late = now.time >= onset
        result[name] = None if end is None else int(np.count_nonzero((now.served & late)[: end + 1]))
    return result


def looks(stream: Stream, traffic: Traffic) -> Iterator[tuple[float, list[Observation]]]:
    """Yield the requests under one share after the other; where the analysis is kept between looks, look by look."""
    if not stream.time.size:
        return
    number = np.floor(stream.time / LOOK) if traffic.is_kept else np.zeros(stream.time.size)
    ends = np.flatnonzero((np.diff(stream.asked) != 0) | (np.diff(number) != 0)) + 1
    for start, end in zip([0, *ends.tolist()], [*ends.tolist(), stream.time.size], strict=True):
        for chunk in chunks(stream, start, end):
            yield float(stream.asked[start]), chunk


def chunks(stream: Stream, first: int = 0, last: int | None = None) -> Iterator[list[Observation]]:
    """Turn arrays into observations, a few at a time, so that nothing is made that nobody looks at."""
    last = stream.time.size if last is None else last
    for start in range(first, last, CHUNK):
        part = slice(start, min(start + CHUNK, last))
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
    past, now = draw(Traffic(rate=200, minutes=requests / 200 / 60), rng, 0.0, 0.0)
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
    broken: list[str] = []
    began = time.monotonic()
    with ProcessPoolExecutor(given.processes) as pool:
        for part, listed in PARTS.items():
            if given.only not in (None, part):
                continue
            print(f"\n{part}")
            report[part] = {}
            for name, (traffic, most, is_shipped) in listed(POLICY, SHIPPED).items():
                if given.match not in name:
                    continue
                runs = max(1, int(most * scale))
                policy = SHIPPED if is_shipped else POLICY
                results = list(
                    pool.map(run, [(part, traffic, policy, seed) for seed in range(runs)], chunksize=1 + runs // 50)
                )
                tell(part, name, summary(part, results), report, broken)
            for name, found in together(part, report[part]):
                tell(part, name, found, report, broken)
    if given.only in (None, "cost"):
        report["cost"] = cost(20_000)
        print("\ncost", report["cost"])
    report |= {"broken": broken, "seconds": round(time.monotonic() - began, 1)}
    print("\nbroken:" if broken else "\nno goal is broken", "; ".join(broken))
    print(json.dumps(report))
    sys.exit(1 if broken else 0)


def tell(part: str, name: str, found: dict[str, Any], report: dict[str, Any], broken: list[str]) -> None:
    """Print a cell's figures beside its goal, and note them."""
    found["goal"] = goal(part, name, found)
    if found["goal"] and found["goal"]["met"] is False:
        broken.append(f"{part}: {name}")
    report[part][name] = found
    figures = (f"{key}={value}" for key, value in found.items() if key != "goal")
    print(f"  {name:44}", sentence(found["goal"]), *figures, flush=True)


def together(part: str, told: dict[str, dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the share of all cells at a margin, or of all identical candidates at a rate: more runs, more certainty."""
    share = {"false_rollbacks": "rate", "false_passes": "passed"}.get(part, "")
    groups: dict[str, list[dict[str, Any]]] = {}
    for name, found in told.items():
        if share and found["goal"]:
            groups.setdefault(name.split("/s")[0] + "/s" if part == "false_rollbacks" else "at a margin", []).append(
                found
            )
    for name, group in groups.items():
        runs, count = sum(f["runs"] for f in group), sum(round(f[share] * f["runs"]) for f in group)
        yield f"{name}, together", {"runs": runs, share: count / runs, "interval": wilson(count, runs)}


if __name__ == "__main__":
    main()
