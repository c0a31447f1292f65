"""A small process that ends what this one has started, should this one die. Used by the pool."""

from __future__ import annotations

import contextlib
import subprocess
import threading

SCRIPT = """
trap '' INT TERM HUP
held=' '
while read -r verb group; do
  case $verb in
    hold) held="$held$group " ;;
    free) held="${held%% $group *} ${held#* $group }" ;;
  esac
done
for group in $held; do kill -s KILL -- "-$group"; done
"""


class Guardian:
    """Knows the process groups that run; kills them when its input ends before they were freed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def hold(self, group: int) -> None:
        """From now on the group dies with us."""
        self._tell("hold", group)

    def free(self, group: int) -> None:
        """The group has ended."""
        self._tell("free", group)

    def close(self) -> None:
        """End the guardian; what is still held is killed."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.wait(timeout=10)

    def _tell(self, verb: str, group: int) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._process is None:
                self._process = subprocess.Popen(
                    ["/bin/sh", "-c", SCRIPT],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            assert self._process.stdin is not None
            self._process.stdin.write(f"{verb} {group}\n".encode())
            self._process.stdin.flush()
