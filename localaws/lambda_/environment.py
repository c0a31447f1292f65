"""How an execution environment is made: command, directory, variables, as on AWS. Called by the pool."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from localaws.lambda_.bundles import Bundles
from localaws.lambda_.model import Version
from localaws.lambda_.sandbox import Plan

if TYPE_CHECKING:
    from localaws.world import World


class Planner:
    """Plans environments of one world."""

    def __init__(self, world: World, bundles: Bundles, home: Path) -> None:
        self._world = world
        self._bundles = bundles
        self._home = home

    def plan(self, version: Version) -> Plan:
        """A new environment for a version."""
        identity = uuid.uuid4().hex
        configuration = version.configuration
        group = configuration.logging["LogGroup"]
        stream = log_stream(version, identity, self._world.clock.now())
        scratch = self._home / "tmp" / identity
        task_root = configuration.bundle.directory
        opt = self._bundles.merged(configuration.layers)
        python = str(self._world.settings.lambda_python)
        environment = {
            **configuration.variables,
            **self._world.process_environment(configuration.role, version.function),
            "_HANDLER": configuration.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{configuration.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": version.function,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory),
            "AWS_LAMBDA_FUNCTION_VERSION": version.number,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": group,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "AWS_LAMBDA_LOG_FORMAT": configuration.logging["LogFormat"],
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
            "LAMBDA_TASK_ROOT": str(task_root),
            "LAMBDA_RUNTIME_DIR": str(Path(python).parent),
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PATH": os.pathsep.join([*([str(opt / "bin")] if opt else []), "/usr/local/bin", "/usr/bin", "/bin"]),
            "PYTHONPATH": os.pathsep.join(python_path(task_root, opt, configuration.runtime, configuration.variables)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(scratch),
        }
        level = configuration.logging.get("ApplicationLogLevel")
        if level:
            environment["AWS_LAMBDA_LOG_LEVEL"] = level
        command = (python, "-s", "-P", "-m", "awslambdaric", configuration.handler)
        return Plan(command, task_root, environment, scratch, group, stream)


def python_path(task_root: Path, opt: Path | None, runtime: str, variables: Mapping[str, str]) -> list[str]:
    """Where a function's imports are looked for before the runtime's own packages."""
    path = [str(task_root)]
    if opt is not None:
        path += [str(opt / "python" / "lib" / runtime / "site-packages"), str(opt / "python")]
    return [*path, *(part for part in variables.get("PYTHONPATH", "").split(os.pathsep) if part)]


def log_stream(version: Version, identity: str, now: datetime) -> str:
    """The log stream of an environment; shared log groups get the function's name too."""
    day = now.strftime("%Y/%m/%d")
    own = version.configuration.logging["LogGroup"] == f"/aws/lambda/{version.function}"
    name = "" if own else version.function
    return f"{day}/{name}[{version.number}]{identity}"
