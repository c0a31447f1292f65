"""The model server answers as SageMaker's XGBoost container does."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venvs/jobs/bin/python"
SERVER = ROOT / "localaws/containers/xgboost_server.py"
ROW = "10.5,2.1,1,1,0"
CSV = "text/csv; charset=utf-8"
Answer = tuple[int, str, bytes]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that the shipped train.py made of invented trips."""
    folder = tmp_path_factory.mktemp("training")
    chance = random.Random(3)
    for channel in ("train", "validation"):
        (folder / channel).mkdir()
        rows = [(chance.uniform(1, 60), chance.uniform(0.1, 20), chance.randint(1, 6)) for _ in range(300)]
        lines = [f"{3 + 0.5 * minutes + 2 * miles},{minutes},{miles},{riders},1,0.0" for minutes, miles, riders in rows]
        (folder / channel / f"{channel}.csv").write_text("\n".join(lines) + "\n")
    channels = {f"SM_CHANNEL_{name.upper()}": str(folder / name) for name in ("train", "validation")}
    subprocess.run(
        [str(PYTHON), str(ROOT / "model/train.py"), "--num_round", "20"],
        env={**os.environ, **channels, "SM_MODEL_DIR": str(folder / "model")},
        check=True,
        capture_output=True,
    )
    return folder / "model"


@pytest.fixture(scope="module")
def port(model: Path) -> Iterator[int]:
    """The port of a running server."""
    with serving(model) as found:
        yield found


@contextmanager
def serving(model: Path) -> Iterator[int]:
    """Run a server over a model folder."""
    process = subprocess.Popen(
        [str(PYTHON), str(SERVER), "--model-dir", str(model), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    words = process.stdout.readline().split()
    assert words[:2] == ["listening", "on"]
    yield int(words[2])
    process.terminate()
    assert process.wait(10) == 0


@pytest.fixture
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    """A connection that is kept alive."""
    opened = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    yield opened
    opened.close()


def invoke(connection: http.client.HTTPConnection, body: str | bytes, **headers: str) -> Answer:
    named = {"content-type": "text/csv", **{name.replace("_", "-"): value for name, value in headers.items()}}
    data = body if isinstance(body, bytes) else body.encode()
    connection.request("POST", "/invocations", data, named)
    response = connection.getresponse()
    return response.status, response.getheader("content-type", ""), response.read()


def test_ping_is_empty(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", "/ping")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b"")


def test_csv_gives_one_score_a_line_and_json_gives_predictions(
    connection: http.client.HTTPConnection,
) -> None:
    status, kind, text = invoke(connection, f"{ROW}\n20,5,1,1,0\n")
    assert (status, kind) == (200, CSV)
    scores = [float(line) for line in text.decode().splitlines()]
    assert scores == [pytest.approx(12.5, abs=4), pytest.approx(23, abs=4)]
    status, kind, document = invoke(connection, f"{ROW}\n20,5,1,1,0", accept="application/json")
    assert (status, kind) == (200, "application/json")
    assert json.loads(document) == {"predictions": [{"score": score} for score in scores]}


@pytest.mark.parametrize("accept", ["", "*/*", "text/csv", "Text/CSV; charset=utf-8"])
def test_csv_is_what_one_gets_unless_one_asks(connection: http.client.HTTPConnection, accept: str) -> None:
    assert invoke(connection, ROW, accept=accept)[:2] == (200, CSV)


@pytest.mark.parametrize("row", ["10.5", "10.5,2.1,1,1", ",,,,", "10.5,,1,,0", "nan,2.1,1,1,0"])
def test_too_few_columns_and_blanks_are_missing_values(connection: http.client.HTTPConnection, row: str) -> None:
    status, _, text = invoke(connection, row)
    assert status == 200
    assert float(text) > 0
    blanks = row.split(",") + [""] * (5 - len(row.split(",")))
    assert invoke(connection, ",".join(blanks))[2] == text


REFUSED = [
    (f"{ROW},7", {}, 400, b"6 columns, the model has 5 features"),
    ("duration_minutes,trip_distance,a,b,c\n" + ROW, {}, 415, b"could not convert"),
    ("ten,2.1,1,1,0", {}, 415, b"could not convert"),
    ("10.5,2.1,1, ,0", {}, 415, b"could not convert"),
    (f"{ROW}\n1,2", {}, 415, b"rows differ in length"),
    (b"\xff\xfe", {}, 415, b"utf-8"),
    ("{}", {"content_type": "application/json"}, 415, b"application/json not supported"),
    (ROW, {"accept": "image/png"}, 406, b"image/png is not supported"),
]


@pytest.mark.parametrize(("body", "headers", "status", "words"), REFUSED)
def test_what_is_refused_and_the_connection_lives_on(
    connection: http.client.HTTPConnection,
    body: str | bytes,
    headers: dict[str, str],
    status: int,
    words: bytes,
) -> None:
    found, _, text = invoke(connection, body, **headers)
    assert found == status
    assert words in text
    assert invoke(connection, ROW)[0] == 200


def test_an_empty_body_is_no_content(connection: http.client.HTTPConnection) -> None:
    assert invoke(connection, "")[::2] == (204, b"")
    assert invoke(connection, ROW)[0] == 200


def test_the_limit_of_the_body_is_the_containers(port: int) -> None:
    row = ROW.encode() + b"\n"
    fitting = row * (6_291_456 // len(row))
    fitting += b"\n" * (6_291_456 - len(fitting))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    status, _, text = invoke(connection, fitting)
    connection.close()
    assert status == 200
    assert len(text.splitlines()) == 6_291_456 // len(row)


def test_a_larger_body_is_refused_before_it_is_read(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Length: 6291457\r\n\r\n")
        answer = b""
        while part := raw.recv(4096):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/ping")])
def test_other_paths_are_not_found(connection: http.client.HTTPConnection, method: str, path: str) -> None:
    connection.request(method, path, b"", {"content-type": "text/csv"})
    assert connection.getresponse().status == 404


def test_many_callers_at_once_get_their_own_scores(port: int) -> None:
    def one(i: int) -> tuple[bytes, bytes]:
        caller = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        row = f"{i},{i / 10},1,1,0"
        found = [invoke(caller, row)[2] for _ in range(5)]
        caller.close()
        assert len(set(found)) == 1
        return row.encode(), found[0].strip()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(1, 60)))
    caller = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    together = invoke(caller, b"\n".join(row for row, _ in answers))[2].split()
    caller.close()
    assert together == [score for _, score in answers]


def test_a_request_takes_a_few_milliseconds_at_most(connection: http.client.HTTPConnection) -> None:
    # the goal is 1.5; 20 is what Nagle's algorithm alone would break (40) for every request, the fastest quarter, too
    times = []
    for _ in range(200):
        start = time.perf_counter()
        invoke(connection, ROW)
        times.append(time.perf_counter() - start)
    assert sorted(times)[50] < 0.020


def test_a_model_may_have_any_name_and_folders_beside_it(model: Path, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "notes.txt").write_text("not a model")
    shutil.copy(model / "xgboost-model", tmp_path / "a-name-of-its-own")
    with serving(tmp_path) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        assert invoke(connection, ROW)[0] == 200
        connection.close()


def test_a_folder_that_isnt_one_model_ends_the_process(model: Path, tmp_path: Path) -> None:
    # GIVEN what the container can't load, or would load as one model more
    contents = {
        "damaged": {"xgboost-model": b"\x80\x04not a model"},
        "beside": {"xgboost-model": (model / "xgboost-model").read_bytes(), "contract.json": b'{"version": 1}'},
        "two": dict.fromkeys("ab", (model / "xgboost-model").read_bytes()),
        "empty": {},
    }
    for name, files in contents.items():
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_bytes(content)
    reasons = {
        "damaged": "xgboost-model is not a model",
        "beside": "contract.json is not a model, and every file of its folder is taken for one",
        "two": "holds 2 models",
        "empty": "holds 0 models",
        "nothing": "No such file",
    }
    for name, reason in reasons.items():
        folder = tmp_path / name
        run = subprocess.run(
            [str(PYTHON), str(SERVER), "--model-dir", str(folder), "--port", "0"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert run.returncode == 1
        assert "the model can't be loaded" in run.stderr
        assert reason in run.stderr
        assert run.stdout == ""
