"""Child processes that stand for containers: a group each, read by line; none outlives this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

REAPER = """
import os, signal, sys
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        pass
"""
CONTAINER_PATH = "/usr/local/bin:/usr/bin:/bin"


class Reaper:
    """A tiny process that is told each group, and kills those left when we are gone, however we went."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, group: int) -> None:
        """Kill this group if we die."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """The group has ended."""
        self._tell(f"-{group}\n")

    def stop(self) -> None:
        """Kill what is left."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.communicate(timeout=10)

    def _tell(self, text: str) -> None:
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", REAPER], stdin=subprocess.PIPE, start_new_session=True
                )
            assert self._process.stdin is not None
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()


class Child:
    """A running process group whose output goes to `on_line`, a line at a time, without its line end."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
        reaper: Reaper,
    ) -> None:
        self._process = subprocess.Popen(
            list(argv),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        self._reaper = reaper
        self._ended = threading.Event()
        reaper.watch(self._process.pid)
        self._reader = threading.Thread(target=self._read, args=(on_line,), daemon=True)
        self._reader.start()

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit code, once the process has ended and its output is read; None when it takes longer.

        As in a container, what it left running ends with it.
        """
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        if not self._ended.is_set():
            self._signal(signal.SIGKILL)
            self._ended.set()
            self._reaper.forget(self._process.pid)
        self._reader.join(timeout=10)
        return code

    def stop(self, grace: float) -> int:
        """Ask to end, then force: SIGTERM, and SIGKILL after `grace` seconds. The exit code."""
        self._signal(signal.SIGTERM)
        code = self.wait(grace)
        if code is None:
            self._signal(signal.SIGKILL)
            code = self.wait()
        assert code is not None
        return code

    def _signal(self, number: signal.Signals) -> None:
        if not self._ended.is_set():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _read(self, on_line: Callable[[str], None]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            on_line(line.rstrip("\n"))


def container_environment(python: Path, folder: Path) -> dict[str, str]:
    """What a container's processes find in their environment: its own folders and Python, nothing of ours."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        "PATH": f"{python.parent}:{CONTAINER_PATH}",
        "HOME": str(folder),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONNOUSERSITE": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
