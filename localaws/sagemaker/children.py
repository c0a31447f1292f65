"""Child processes that stand for containers: a group each, read by line; none outlives this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from localaws.lambda_.guardian import Guardian

CONTAINER_PATH = "/usr/local/bin:/usr/bin:/bin"


class Child:
    """A running process group whose output goes to `on_line`, a line at a time, without its line end."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
        guardian: Guardian,
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
        self._guardian = guardian
        self._ended = threading.Event()
        guardian.hold(self._process.pid)
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
            self._guardian.free(self._process.pid)
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

    def kill(self) -> None:
        """End it now, without a word; `wait` tells when it has."""
        self._signal(signal.SIGKILL)

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
        "OMP_WAIT_POLICY": "PASSIVE",  # on shared cores, threads that spin cost tenfold
    }
