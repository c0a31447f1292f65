"""Cold start, warm latency, CPU and memory of the inference Lambda and its peers. Run by a person.

    python bench/predict.py [rounds] [requests a round]

Each round starts every handler afresh under awslambdaric, in turn, against one endpoint in its own process.
From start of process to first answer is the cold start, the rest is warm. Figures are medians over rounds in
milliseconds (rss: megabytes); the last line is JSON. Read the ratios: the milliseconds belong to the machine.

`predict` is compiled, as `sam build` does where the runtime's Python is at hand; `predict_source` and the
peers are not, as a plain `sam build` leaves them. `net` is p50 less that of `nothing`: what a handler adds.
"""

from __future__ import annotations

import json
import multiprocessing
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.fake_sagemaker import FakeSageMaker  # noqa: E402
from bench.lambda_host import PYTHON, LambdaHost  # noqa: E402

PEERS = ("nothing", "sample_boto3", "botocore_signer", "handmade_hmac")
COMPARED = ("cold", "p50", "net", "cpu", "rss")
OURS = ("predict_source", "predict")
BLOCK = 25
EVENT = {
    "headers": {"content-type": "text/csv", "accept": "text/csv"},
    "body": "14.5,2.3,1,1,2.5",
    "isBase64Encoded": False,
}


def main() -> None:
    rounds, requests = (int(argument) for argument in (*sys.argv[1:3], "7", "300")[:2])
    samples: dict[str, list[dict[str, float]]] = {}
    here, there = multiprocessing.Pipe()
    sagemaker = multiprocessing.Process(target=serve, args=(there,), daemon=True)
    sagemaker.start()
    url = here.recv()
    with tempfile.TemporaryDirectory() as folder:
        bundles = make_bundles(Path(folder))
        for _ in range(rounds):
            for name, row in measure(bundles, url, requests).items():
                samples.setdefault(name, []).append(row)
    sagemaker.terminate()
    figures = {
        name: {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]}
        for name, runs in samples.items()
    }
    for name, row in figures.items():
        row["net"] = round(row["p50"] - figures["nothing"]["p50"], 3)
        print(f"{name:16}", *(f"{key} {value:9.3f}" for key, value in row.items()), sep="  ")
    ratios = {
        ours: {
            peer: {key: round(figures[ours][key] / figures[peer][key], 3) for key in COMPARED}
            for peer in PEERS
            if peer != "nothing"
        }
        for ours in OURS
    }
    print(json.dumps({"figures": figures, "ratios": ratios, "rounds": rounds, "requests": requests}))


def serve(pipe: Connection) -> None:
    """The endpoint, in a process of its own so that it takes nothing from the caller's."""
    pipe.send(FakeSageMaker().url)
    threading.Event().wait()


def make_bundles(folder: Path) -> dict[str, Path]:
    """Ours as `make build-PredictFunction` does it, and each peer as an app.py of its own."""
    bundles = {name: folder / name for name in (*PEERS, *OURS)}
    for name, bundle in bundles.items():
        bundle.mkdir()
        if name in OURS:
            for source in [*(ROOT / "functions/predict").glob("*.py"), ROOT / "model/contract.json"]:
                shutil.copy(source, bundle)
        else:
            shutil.copy(ROOT / f"bench/peers/{name}.py", bundle / "app.py")
    compileall = ("compileall", "-q", "--invalidation-mode", "checked-hash", str(bundles["predict"]))
    subprocess.run([PYTHON, "-m", *compileall], check=True)
    return bundles


def measure(bundles: dict[str, Path], url: str, requests: int) -> dict[str, dict[str, float]]:
    """One round: cold starts in turn, then blocks of warm requests in turn, so that noise hits all alike."""
    environ = {"AWS_ENDPOINT_URL": url, "ENDPOINT_NAME": "demo-prod", "RELEASE_ID": "r", "MODEL_NAME": "demo"}
    cold: dict[str, float] = {}
    warm: dict[str, list[float]] = {name: [] for name in bundles}
    cpu: dict[str, float] = {}
    with ExitStack() as stack:
        hosts = {}
        for name, bundle in bundles.items():
            started = time.perf_counter()
            hosts[name] = stack.enter_context(LambdaHost(bundle, environ))
            request(hosts[name])
            cold[name] = time.perf_counter() - started
        for name, host in hosts.items():
            for _ in range(20):
                request(host)
            cpu[name] = -cpu_seconds(host.process.pid)
        for _ in range(requests // BLOCK):
            for name, host in hosts.items():
                warm[name] += [request(host) for _ in range(BLOCK)]
        return {
            name: {
                "cold": cold[name] * 1000,
                "p50": statistics.median(warm[name]) * 1000,
                "p99": sorted(warm[name])[int(len(warm[name]) * 0.99)] * 1000,
                "cpu": (cpu[name] + cpu_seconds(host.process.pid)) / len(warm[name]) * 1000,
                "rss": resident_megabytes(host.process.pid),
            }
            for name, host in hosts.items()
        }


def request(host: LambdaHost) -> float:
    """Seconds that one prediction takes."""
    before = time.perf_counter()
    kind, answer = host.invoke(EVENT)
    seconds = time.perf_counter() - before
    if kind != "response" or answer["body"] != "1.5\n":
        raise SystemExit(f"a wrong answer: {answer}")
    return seconds


def cpu_seconds(process: int) -> float:
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def resident_megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
