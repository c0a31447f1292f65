"""Cold start, warm latency, CPU and memory of the inference Lambda and its peers. Run by a person.

    python bench/predict.py [rounds] [requests a round]

Each round starts every handler afresh under awslambdaric, in turn, against one endpoint in a process of its own.
From start of process to first answer is the cold start, the rest is warm. Figures are medians over rounds in
milliseconds (rss: megabytes); the last line is JSON. Read the ratios: the milliseconds belong to the machine.

`predict` is compiled, as `sam build` does where the runtime's Python is at hand; `predict_source` and the peers
are not, as a plain `sam build` leaves them.
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
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.fake_sagemaker import FakeSageMaker  # noqa: E402
from bench.lambda_host import PYTHON, LambdaHost  # noqa: E402

PEERS = ("nothing", "sample_boto3", "botocore_signer", "handmade_hmac")
OURS = ("predict_source", "predict")
ROW = "14.5,2.3,1,1,2.5"


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
            for name, bundle in bundles.items():
                samples.setdefault(name, []).append(measure(bundle, url, requests))
    sagemaker.terminate()
    figures = {
        name: {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]}
        for name, runs in samples.items()
    }
    for name, row in figures.items():
        print(f"{name:16}", *(f"{key} {value:9.3f}" for key, value in row.items()), sep="  ")
    ratios = {
        ours: {
            peer: {key: round(figures[ours][key] / figures[peer][key], 3) for key in ("cold", "p50", "cpu")}
            for peer in PEERS
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
    compileall = ["-m", "compileall", "-q", "--invalidation-mode", "checked-hash", bundles["predict"]]
    subprocess.run([PYTHON, *compileall], check=True)
    return bundles


def measure(bundle: Path, url: str, requests: int) -> dict[str, float]:
    event = {
        "headers": {"content-type": "text/csv", "accept": "text/csv"},
        "body": ROW,
        "isBase64Encoded": False,
    }
    environ = {"AWS_ENDPOINT_URL": url, "ENDPOINT_NAME": "taxi-prod", "RELEASE_ID": "r", "MODEL_NAME": "taxi"}
    started = time.perf_counter()
    with LambdaHost(bundle, environ) as host:
        answered = [host.invoke(event)]
        cold = time.perf_counter() - started
        for _ in range(20):
            answered.append(host.invoke(event))
        cpu = cpu_seconds(host.process.pid)
        warm = []
        for _ in range(requests):
            before = time.perf_counter()
            answered.append(host.invoke(event))
            warm.append(time.perf_counter() - before)
        cpu = cpu_seconds(host.process.pid) - cpu
        memory = resident_megabytes(host.process.pid)
    if any(kind != "response" or answer["body"] != "1.5\n" for kind, answer in answered):
        raise SystemExit(f"{bundle.name} answered wrongly: {answered[0]}")
    return {
        "cold": cold * 1000,
        "p50": statistics.median(warm) * 1000,
        "p99": sorted(warm)[int(len(warm) * 0.99)] * 1000,
        "cpu": cpu / requests * 1000,
        "rss": memory,
    }


def cpu_seconds(process: int) -> float:
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def resident_megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main()
