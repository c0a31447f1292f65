"""Starts the laptop's AWS, deploys the app with the real SAM CLI, and knows the stack's outputs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
REGION = "us-east-1"
STACK = "taxi-fare"
PERSON = "LOCALAWSPERSON000001"


class DemoError(Exception):
    """Something the demo needs did not happen; the message says what."""


@dataclass
class LocalAws:
    """A running `localaws`, in a process of its own."""

    process: subprocess.Popen[bytes]
    endpoint: str
    home: Path

    @classmethod
    def start(cls, home: Path, time_scale: float, port: int = 0, patience: float = 60) -> LocalAws:
        """Start it and wait until it answers."""
        home.mkdir(parents=True, exist_ok=True)
        ready = Path(tempfile.mkdtemp(dir=home)) / "ready"
        command = [
            sys.executable, "-m", "localaws", "--port", str(port), "--home", str(home),
            "--time-scale", str(time_scale), "--ready-file", str(ready),
            "--lambda-python", str(ROOT / ".venvs/lambda/bin/python"),
            "--jobs-python", str(ROOT / ".venvs/jobs/bin/python"),
        ]  # fmt: skip
        log = (home / "localaws.out").open("wb")
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        deadline = time.monotonic() + patience
        while not ready.is_file() or not ready.read_text().strip():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise DemoError(f"localaws did not start; see {home}/localaws.out:\n{_tail(home / 'localaws.out')}")
            time.sleep(0.05)
        return cls(process, ready.read_text().split()[0], home)

    def stop(self) -> None:
        """Ask it to end, and see that it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(timeout=60)

    def environment(self) -> dict[str, str]:
        """By which AWS's tools find it."""
        names = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return {
            **names,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": PERSON,
            "AWS_SECRET_ACCESS_KEY": PERSON,
            "AWS_DEFAULT_REGION": REGION,
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.3",
        }

    def client(self, service: str) -> Any:
        """A boto3 client, as the person at the keyboard."""
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=PERSON,
            aws_secret_access_key=PERSON,
            config=Config(retries={"mode": "standard"}, max_pool_connections=20),
        )

    def read(self, path: str) -> Any:
        """A JSON page of localaws itself, such as the inbox."""
        with urllib.request.urlopen(f"{self.endpoint}{path}", timeout=60) as answer:  # noqa: S310
            return json.load(answer)

    def inject(self, place: str, effect: dict[str, Any], match: dict[str, Any] | None = None, **often: int) -> str:
        """Set a fault; its id. `often` may hold `skip` and `times`."""
        fault = {"place": place, "match": match or {}, "effect": effect, **often}
        answered: dict[str, Any] = self._faults("POST", "", json.dumps(fault).encode())
        return str(answered["id"])

    def faults(self) -> list[dict[str, Any]]:
        """The faults that stand, with how often each matched and struck."""
        found: list[dict[str, Any]] = self._faults("GET", "")
        return found

    def heal(self, identity: str = "") -> None:
        """Take away one fault, or all."""
        self._faults("DELETE", f"/{identity}" if identity else "")

    def _faults(self, method: str, rest: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310
            f"{self.endpoint}/_localaws/faults{rest}", body, {"Content-Type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)

    def post(self, path: str) -> None:
        """Press a button on localaws's own page."""
        request = urllib.request.Request(f"{self.endpoint}{path}", data=b"", method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=60):  # noqa: S310
            pass


@dataclass
class Stack:
    """The deployed app."""

    aws: LocalAws
    name: str = STACK
    source: Path = ROOT
    build_folder: Path = field(default_factory=lambda: ROOT / ".aws-sam" / "build")

    def build(self) -> None:
        """The real `sam build`."""
        self._sam("build", "--build-dir", str(self.build_folder))

    def deploy(self, *overrides: str) -> None:
        """The real `sam deploy --config-env local`."""
        extra = ["--parameter-overrides", *overrides] if overrides else []
        template = str(self.build_folder / "template.yaml")
        self._sam("deploy", "--template-file", template, "--stack-name", self.name, *extra)
        self.__dict__.pop("outputs", None)

    def _sam(self, *arguments: str) -> None:
        sam = Path(sys.executable).with_name("sam")
        config = ["--config-file", str(self.source / "samconfig.toml"), "--config-env", "local"]
        log = self.aws.home / f"sam-{arguments[0]}.log"
        with log.open("wb") as out:
            done = subprocess.run(
                [str(sam), *arguments, *config], cwd=self.source, env=self.aws.environment(),
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
        if done.returncode != 0:
            raise DemoError(f"sam {arguments[0]} failed; the end of {log}:\n{_tail(log)}")

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs, by name."""
        stack = self.aws.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        return {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}

    def drop(self, name: str, files: dict[str, bytes], manifest: dict[str, Any] | bytes | None = None) -> None:
        """Put a data set and then its manifest into the drop bucket, as a data scientist would."""
        s3 = self.aws.client("s3")
        bucket = self.outputs["DropBucketName"]
        for file, body in files.items():
            s3.put_object(Bucket=bucket, Key=f"drops/{name}/{file}", Body=body)
        if manifest is None:
            manifest = {"files": sorted(files)}
        body = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        s3.put_object(Bucket=bucket, Key=f"drops/{name}/manifest.json", Body=body)


def _tail(log: Path, lines: int = 25) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
