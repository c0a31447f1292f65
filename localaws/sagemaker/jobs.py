"""What training and processing jobs share: state, two slots to run in, stopping, waiting. Used by both."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localaws.lambda_.guardian import Guardian
from localaws.sagemaker.children import Child
from localaws.sagemaker.logs import LogStream
from localaws.sagemaker.resources import SESSION, Params, plain
from localaws.sagemaker.transfer import Transfer

if TYPE_CHECKING:
    from localaws.world import World

log = logging.getLogger("localaws.sagemaker")
SLOTS = 2
"""Jobs that run at once; a laptop has few cores. The others wait, as for capacity on AWS."""
STOP_GRACE = 120.0
"""Seconds that a container has between SIGTERM and SIGKILL. Process time: never scaled."""
REASON_LENGTH = 1024
DEFAULT_MAX_RUNTIME = 86_400
TERMINAL = ("Completed", "Failed", "Stopped")


class JobError(Exception):
    """The job has failed; the message is its FailureReason."""


@dataclass
class Job:
    """One job, of either kind. `status` is the API's TrainingJobStatus or ProcessingJobStatus."""

    kind: str
    """`training` or `processing`."""
    name: str
    arn: str
    params: Params
    """The Create request, tags included."""
    folder: Path
    created: datetime
    status: str = "InProgress"
    modified: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    failure: str | None = None
    exit_message: str | None = None
    transitions: list[Params] = field(default_factory=list)
    """Secondary statuses, for a training job."""
    timed_out: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    child: Child | None = None

    @property
    def role(self) -> str:
        """Whose credentials it works with."""
        return str(self.params["RoleArn"])

    @property
    def max_runtime(self) -> float:
        """Seconds its process may take."""
        return float(self.params.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME))


Describe = Callable[[Job], Params]


class JobRunner:
    """Runs jobs in slots, tells of each change, and lets others wait for an end."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.guardian = Guardian()
        self._changed = threading.Condition()
        self._jobs: dict[tuple[str, str], Job] = {}
        self._futures: dict[tuple[str, str], Future[None]] = {}
        self._pool = ThreadPoolExecutor(SLOTS, thread_name_prefix="sagemaker-job")
        self._describers: dict[str, tuple[str, Describe]] = {}

    def announce(self, kind: str, detail_type: str, describe: Describe) -> None:
        """How each change of a kind of job is told to EventBridge."""
        self._describers[kind] = (detail_type, describe)

    def find(self, kind: str, name: str) -> Job | None:
        """The job of that name, however long ago it ended: names are never given twice."""
        with self._changed:
            return self._jobs.get((kind, name))

    def all(self, kind: str) -> list[Job]:
        """Every job of a kind."""
        with self._changed:
            return [job for job in self._jobs.values() if job.kind == kind]

    def submit(self, job: Job, run: Callable[[Job], None]) -> None:
        """Run a job when a slot is free."""
        key = (job.kind, job.name)
        with self._changed:
            self._jobs[key] = job
        self.change(job)
        with self._changed:
            self._futures[key] = self._pool.submit(self._run, job, run)

    def request_stop(self, job: Job) -> bool:
        """Begin to stop a job. True when it still waited for a slot: it won't run, the caller finishes it."""
        job.stop.set()
        with self._changed:
            waiting = self._futures[job.kind, job.name].cancel()
        if waiting:
            return True
        self.change(job, status="Stopping")
        if job.child is not None:
            threading.Thread(target=job.child.stop, args=(STOP_GRACE,), daemon=True).start()
        return False

    def wait(self, kind: str, name: str, timeout: float) -> bool:
        """True once the job has ended; False when that takes more than `timeout` real seconds."""
        with self._changed:
            return self._changed.wait_for(
                lambda: (job := self._jobs.get((kind, name))) is not None and job.status in TERMINAL, timeout
            )

    def change(self, job: Job, **members: Any) -> None:
        """Set members of a job and tell of it."""
        with self._changed:
            for name, value in members.items():
                setattr(job, name, value)
            job.modified = self.world.clock.now()
        detail_type, describe = self._describers[job.kind]
        self.world.emit_event("aws.sagemaker", detail_type, plain(describe(job)), [job.arn])
        with self._changed:
            self._changed.notify_all()

    def finish(self, job: Job, status: str, failure: str | None = None) -> None:
        """The job has ended."""
        shutil.rmtree(job.folder, ignore_errors=True)
        reason = failure[:REASON_LENGTH] if failure else None
        self.change(job, status=status, failure=reason, ended=self.world.clock.now())

    def transfer(self, job: Job) -> Transfer:
        """S3 as the job's role sees it."""
        return Transfer(self.world.client("s3", role=job.role, session=SESSION))

    def run_process(
        self,
        job: Job,
        argv: list[str],
        environment: Mapping[str, str],
        group: str,
    ) -> int:
        """Run the job's process to its end, log it, give its exit code. Honours stops and the time limit."""
        client = self.world.client("logs", role=job.role, session=SESSION)
        stream = LogStream(client, group, f"{job.name}/algo-1-{int(time.time())}")

        def line(text: str) -> None:
            stream.add(text.replace("\t", "#011"))  # so SageMaker's log agent writes a tab

        try:
            child = Child(argv, folder=job.folder, environment=environment, on_line=line, guardian=self.guardian)
        except OSError as error:
            stream.close()
            raise JobError(f"AlgorithmError: the container could not start {argv[0]!r}: {error}") from error
        job.child = child
        if job.stop.is_set():
            child.stop(STOP_GRACE)
        effect = self.world.faults.strike("job", {"job": job.name})
        if effect is not None:
            threading.Timer(effect.get("afterMilliseconds", 0) / 1000, child.kill).start()
        code = child.wait(job.max_runtime)
        if code is None:
            job.timed_out = True
            code = child.stop(STOP_GRACE)
        stream.close()
        return code

    def stop(self) -> None:
        """End every job, whatever it does."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for kind in ("training", "processing"):
            for job in self.all(kind):
                job.stop.set()
                if job.child is not None:
                    job.child.kill()
        self._pool.shutdown(wait=True)
        self.guardian.close()

    def _run(self, job: Job, run: Callable[[Job], None]) -> None:
        try:
            run(job)
        except JobError as error:
            self.finish(job, "Failed", str(error))
        except Exception as error:
            log.exception("%s job %s failed within localaws", job.kind, job.name)
            self.finish(job, "Failed", f"InternalServerError: localaws failed: {error!r}")
