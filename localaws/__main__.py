"""`python -m localaws`: AWS for one laptop, until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from localaws.run import StartError, serve
from localaws.settings import Settings

VENVS = Path(__file__).resolve().parents[1] / ".venvs"


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; 1 when it can't start."""
    options = _options(arguments)
    settings = Settings(
        home=options.home.absolute(),
        lambda_python=options.lambda_python.absolute(),
        jobs_python=options.jobs_python.absolute(),
        port=options.port,
        time_scale=options.time_scale,
    )
    try:
        serve(settings, options.ready_file)
    except StartError as error:
        sys.stderr.write(f"localaws: {error}\n")
        return 1
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m localaws", description="AWS for one laptop, until Ctrl-C.")
    parser.add_argument("--port", type=int, default=4566, help="to listen on (default 4566; 0: a free one)")
    parser.add_argument(
        "--home", type=Path, default=Path(".localaws"), help="where everything is written (default .localaws)"
    )
    parser.add_argument(
        "--time-scale", type=_scale, default=1.0, help="AWS seconds that pass in a real one (default 1)"
    )
    parser.add_argument("--lambda-python", type=Path, default=VENVS / "lambda/bin/python", help="what runs functions")
    parser.add_argument("--jobs-python", type=Path, default=VENVS / "jobs/bin/python", help="what runs jobs")
    parser.add_argument("--ready-file", type=Path, help="gets the address once it answers")
    return parser.parse_args(arguments)


def _scale(text: str) -> float:
    scale = float(text)
    if scale < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return scale


if __name__ == "__main__":
    sys.exit(main())
