"""No process outlives its use: stop, reaping, children of functions, the death of localaws itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from localaws.lambda_.guardian import Guardian
from localaws.lambda_.pool import IDLE_SECONDS, MAX_IDLE
from localaws.lambda_.service import Lambda
from localaws.world import World
from tests.localaws.lambda_support import create, invoke

ROOT = Path(__file__).resolve().parents[2]
PID = "import os\ndef handler(event, context):\n    return os.getpid()\n"
WITH_CHILD = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
def handler(event, context):
    return [os.getpid(), child.pid]
"""


@pytest.fixture
def world(world_of: Callable[..., World]) -> World:
    return world_of(Lambda)


def lives(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def gone(*pids: int) -> bool:
    """Whether all of them end within some seconds."""
    deadline = time.monotonic() + 10
    while any(lives(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_stop_leaves_nothing_behind(world: World) -> None:
    create(world, "parent", WITH_CHILD, Timeout=20)
    pids = invoke(world, "parent")
    assert all(lives(pid) for pid in pids)
    world.service(Lambda).stop()
    assert gone(*pids)
    assert list((world.settings.home / "lambda" / "tmp").iterdir()) == []


def test_a_time_out_ends_the_children_too(world: World, tmp_path: Path) -> None:
    note = tmp_path / "pids"
    source = f"""
import os, subprocess, sys, time
def handler(event, context):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    with open({str(note)!r}, "w") as file:
        file.write(f"{{os.getpid()}} {{child.pid}}")
    time.sleep(300)
"""
    create(world, "slow", source, Timeout=15)
    assert invoke(world, "slow")["errorType"] == "Sandbox.Timedout"
    assert gone(*(int(pid) for pid in note.read_text().split()))


def test_idle_environments_are_reaped(world: World) -> None:
    create(world, "pid", PID)
    pid = invoke(world, "pid")
    pool = world.service(Lambda).pool
    pool.sweep(time.monotonic())
    assert lives(pid)
    pool.sweep(time.monotonic() + IDLE_SECONDS + 1)
    assert gone(pid)
    assert pool.processes() == 0
    assert invoke(world, "pid") != pid


def test_there_are_never_many_idle_environments(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localaws.lambda_.pool.MAX_IDLE", 2)
    assert MAX_IDLE > 2
    pids = []
    for name in ("a", "b", "c"):
        create(world, name, PID)
        pids.append(invoke(world, name))
    world.service(Lambda).pool.sweep(time.monotonic())
    assert gone(pids[0])
    assert lives(pids[1])
    assert lives(pids[2])


def test_an_environment_that_died_while_idle_is_replaced(world: World) -> None:
    create(world, "pid", PID)
    pid = invoke(world, "pid")
    os.kill(pid, signal.SIGKILL)
    assert gone(pid)
    assert invoke(world, "pid") != pid


def test_the_guardian_kills_what_is_held_and_spares_what_was_freed() -> None:
    sleepers = [
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
        for _ in range(3)
    ]
    guardian = Guardian()
    try:
        for sleeper in sleepers:
            guardian.hold(sleeper.pid)
        guardian.free(sleepers[1].pid)
        guardian.close()
        assert sleepers[0].wait(10) == -signal.SIGKILL
        assert sleepers[2].wait(10) == -signal.SIGKILL
        assert sleepers[1].poll() is None
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()


LOOP = """
import os
def handler(event, context):
    with open(event, "w") as note:
        note.write(str(os.getpid()))
    os.rename(event, event + ".done")
    while True:
        pass
"""
HOST = """
import pathlib, sys, threading
from localaws.lambda_.service import Lambda
from localaws.settings import Settings
from localaws.world import World
from tests.localaws.lambda_support import create, invoke

python, home, source, note = sys.argv[1:]
settings = Settings(pathlib.Path(home), pathlib.Path(python), pathlib.Path(python), port=0, time_scale=600)
world = World(settings, [Lambda])
world.start()
create(world, "loop", source, Timeout=900)
threading.Thread(target=invoke, args=(world, "loop", note), daemon=True).start()
while not pathlib.Path(note + ".done").exists():
    threading.Event().wait(0.01)
print("running", flush=True)
threading.Event().wait()
"""


def test_functions_die_with_localaws(tmp_path: Path) -> None:
    """GIVEN a world in its own process WHEN that is killed THEN a function in an endless loop ends too."""
    note = tmp_path / "pid"
    arguments = [str(ROOT / ".venvs/lambda/bin/python"), str(tmp_path / "home"), LOOP, str(note)]
    with subprocess.Popen(
        [sys.executable, "-c", HOST, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        pid = int((tmp_path / "pid.done").read_text())
        assert lives(pid)
        process.kill()
    assert gone(pid)
