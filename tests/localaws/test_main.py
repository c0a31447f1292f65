"""`python -m localaws` as a process: it says how to be used, serves, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = start(tmp_path)
    yield process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [
        sys.executable, "-m", "localaws", "--port", "0", "--home", str(home / "home"), "--time-scale", "60",
        "--ready-file", str(home / "ready"), *arguments,
    ]  # fmt: skip
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def test_it_says_how_to_be_used_and_ends_cleanly(started: subprocess.Popen[str], tmp_path: Path) -> None:
    assert started.stdout is not None
    first = started.stdout.readline()
    found = re.fullmatch(r"localaws is ready at (http://localhost:\d+) .*Its log: (.*)\n", first)
    assert found is not None, first
    lines = "".join(started.stdout.readline() for _ in range(4))
    exports = dict(re.findall(r"^export (\w+)=(.*)$", lines, re.MULTILINE))
    assert exports["AWS_ENDPOINT_URL"] == found.group(1)
    assert (tmp_path / "ready").read_text().strip() == found.group(1)
    identity = boto3.client(
        "sts",
        endpoint_url=exports["AWS_ENDPOINT_URL"],
        region_name=exports["AWS_DEFAULT_REGION"],
        aws_access_key_id=exports["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=exports["AWS_SECRET_ACCESS_KEY"],
    ).get_caller_identity()
    assert identity["Arn"].endswith(":user/you")
    with urllib.request.urlopen(found.group(1), timeout=20) as answer:
        assert b"AWS time passes 60 times faster" in answer.read()

    started.send_signal(signal.SIGTERM)
    _, errors = started.communicate(timeout=30)
    assert (started.returncode, errors) == (0, "")
    assert "ready at" in Path(found.group(2)).read_text()
    left = subprocess.run(["ps", "-o", "pid=", "-g", str(started.pid)], capture_output=True, text=True, check=False)
    assert left.stdout.strip() == ""


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(tmp_path, "--port", str(port))
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith(f"localaws: port {port} can't be used")
    assert not (tmp_path / "ready").exists()


def test_an_interpreter_that_is_missing_is_named(tmp_path: Path) -> None:
    process = start(tmp_path, "--jobs-python", "/absent/python")
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.startswith("localaws: --jobs-python /absent/python")) == (1, True)


def test_time_can_not_go_backwards(tmp_path: Path) -> None:
    process = start(tmp_path, "--time-scale", "0.5")
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, "0.5 is below 1" in errors) == (2, True)
