"""Make the three virtual environments that the project uses. Called by `make setup`.

tools   what a person and CI need: the SAM CLI, the laptop's AWS, tests, linters
lambda  what AWS's Python runtime offers a function, and nothing else
jobs    what the XGBoost image offers a job and a model server, and the tests of those
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = {
    "tools": ["tools.txt"],
    "lambda": ["lambda.txt"],
    "jobs": ["jobs.txt", "jobs-test.txt"],
}


def main() -> int:
    """Make what is missing or out of date. The exit status is 1 when an environment could not be made."""
    if sys.version_info < (3, 11):
        print(
            f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}; set PYTHON=python3.x",
            file=sys.stderr,
        )
        return 1
    missing = [name for name in ENVIRONMENTS if not is_current(name)]
    if not missing:
        return 0
    print(f"Setting up {', '.join(missing)} (once; a few minutes) …", flush=True)
    with ThreadPoolExecutor(max_workers=2) as pool:
        problems = [problem for problem in pool.map(make, missing) if problem]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def is_current(name: str) -> bool:
    """Whether the environment was made from these very requirements by this very Python."""
    stamp = ROOT / ".venvs" / name / "made-from"
    return stamp.is_file() and stamp.read_text() == fingerprint(name)


def fingerprint(name: str) -> str:
    """What the environment is made from, as a digest."""
    digest = hashlib.sha256(sys.version.encode())
    for file in ENVIRONMENTS[name]:
        digest.update((ROOT / "requirements" / file).read_bytes())
    return digest.hexdigest()


def make(name: str) -> str:
    """Make one environment; the answer says what went wrong, or is empty."""
    began = time.monotonic()
    home = ROOT / ".venvs" / name
    log = ROOT / ".venvs" / f"{name}.log"
    home.parent.mkdir(exist_ok=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    files = [part for file in ENVIRONMENTS[name] for part in ("-r", str(ROOT / "requirements" / file))]
    with log.open("w") as out:
        commands = [[sys.executable, "-m", "venv", "--clear", str(home)], [*pip, "install", *files]]
        if name == "lambda":  # AWS's runtime has no installer, nor what it brings along
            commands.append([*pip, "uninstall", "--yes", "setuptools", "pip"])
        for command in commands:
            done = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False)
            if done.returncode != 0:
                tail = "\n".join(log.read_text().splitlines()[-15:])
                return f"Could not make .venvs/{name}; the end of {log}:\n{tail}"
    (home / "made-from").write_text(fingerprint(name))
    print(f"  .venvs/{name} made in {time.monotonic() - began:.0f} s", flush=True)
    return ""


if __name__ == "__main__":
    sys.exit(main())
