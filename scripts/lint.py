"""Every check that reads the code without running it. Called by `make lint`; prints the failures whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


def checks() -> list[tuple[str, list[str], dict[str, str]]]:
    """(name, command, environment besides the usual) of each check, in the order of their speed."""
    tool = {name: str(BIN / name) for name in ("ruff", "mypy", "lint-imports", "sam")}
    mypy = [tool["mypy"], "--no-error-summary"]
    found: list[tuple[str, list[str], dict[str, str]]] = [
        ("form", [tool["ruff"], "format", "--check", "-q", "."], {}),
        ("style", [tool["ruff"], "check", "-q", "."], {}),
        (
            "import rules",
            [tool["lint-imports"], "--no-cache"],
            {"PYTHONPATH": f"{ROOT}:{ROOT}/layers/safe_deploy"},
        ),
        (
            "types",
            [
                *mypy,
                "localaws",
                "demo",
                "cli",
                "scripts",
                "layers/safe_deploy/safe_deploy",
                "jobs",
                "model",
                "bench",
                "tests",
            ],
            {},
        ),
    ]
    # Each function is a bundle of its own, in which `app` is a top-level module.
    for app in sorted((ROOT / "functions").glob("*/app.py")):
        path = f"{app.parent}:{ROOT / 'layers' / 'safe_deploy'}"
        found.append((f"types of {app.parent.name}", [*mypy, *map(str, app.parent.glob("*.py"))], {"MYPYPATH": path}))
    found.append(("template", [tool["sam"], "validate", "--lint"], {"AWS_DEFAULT_REGION": "us-east-1"}))
    return found


def main() -> int:
    """Run them all, say which failed; 1 when any did."""
    failed = []
    for name, command, extra in checks():
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "SAM_CLI_TELEMETRY": "0", **extra},
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            failed.append(name)
            print(f"--- {name}\n{done.stdout.decode()}{done.stderr.decode()}")
    print("lint: failed: " + ", ".join(failed) if failed else "lint: all good")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
