"""AWS in memory, as the functions see it through their ports."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any

from safe_deploy.domain.alarms import Alarm
from safe_deploy.domain.fields import parse_json
from safe_deploy.domain.inference import LATEST, Inference
from safe_deploy.domain.live import Alias, LiveVersion, Shift
from safe_deploy.domain.ports import (
    Deployment,
    DeploymentProgress,
    Endpoint,
    Execution,
    Held,
    Invocation,
    LogEvent,
    ModelPackage,
    SealedToken,
    StoredObject,
    WaitingTask,
)
from safe_deploy.domain.source import Source
from safe_deploy.errors import (
    AccessDeniedError,
    ConditionFailedError,
    InvalidRequestError,
    NotFoundError,
    TooLargeError,
    TransientError,
)

from tests.fakes.records import FakeApprovals, FakeAttempts, FakeLocks, FakeReleases, FakeRollbacks, FakeUpkeep, Memory

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


class FakeClock:
    """A clock that moves when it is told to, or slept on."""

    def __init__(self) -> None:
        self.time, self.passed = START, 0.0

    def now(self) -> datetime:
        return self.time

    def seconds(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)
        self.passed += seconds


class FakeObjects:
    """S3 in memory: URI to content; versions by (URI, version id)."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.versions: dict[tuple[str, str], bytes] = {}
        self.written: list[str] = []
        self.denied: set[str] = set()

    def put(self, uri: str, content: bytes | dict[str, Any], version_id: str = "v1") -> None:
        """Put an object there for a test."""
        stored = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.content[uri] = self.versions[uri, version_id] = stored

    def describe(self, uri: str) -> StoredObject:
        content = self._found(uri, "")
        return StoredObject(uri, md5(content).hexdigest(), len(content), "v1")

    def read(self, uri: str, *, limit: int, version_id: str = "") -> bytes:
        content = self._found(uri, version_id)
        if len(content) > limit:
            raise TooLargeError(f"{uri} has more than {limit:,} bytes")
        return content

    def read_json(self, uri: str) -> Any:
        return parse_json(self.read(uri, limit=10**9), uri.rpartition("/")[2])

    def write(self, uri: str, content: bytes, content_type: str) -> None:
        self.put(uri, content)
        self.written.append(uri)

    def replace(self, uri: str, content: bytes, content_type: str, *, previous: str | None) -> str:
        there = self.describe(uri).etag if uri in self.content else None
        if there != previous:
            raise ConditionFailedError(f"replace {uri}: PreconditionFailed")
        self.write(uri, content, content_type)
        return self.describe(uri).etag

    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        for uri in sorted(self.content):
            if uri.startswith(f"s3://{bucket}/{prefix}"):
                yield self.describe(uri)

    def _found(self, uri: str, version_id: str) -> bytes:
        if uri in self.denied:
            raise AccessDeniedError(f"read {uri}: AccessDenied")
        content = self.versions.get((uri, version_id)) if version_id else self.content.get(uri)
        if content is None:
            raise NotFoundError(f"{uri} doesn't exist")
        return content


class FakeFunctions:
    """The inference function: versions, alias, and what a version answers."""

    def __init__(self) -> None:
        code = Inference("code-1", {"memoryMegabytes": 512})
        self.versions = {
            "1": LiveVersion("1", "none", "none", code),
            LATEST: LiveVersion(LATEST, "none", "none", code),
        }
        self.alias = "1"
        self.weights: dict[str, float] = {}
        self.answer: Callable[[str, Mapping[str, Any]], Invocation] = lambda version, event: Invocation(b"")
        self.is_full = False
        """Whether there is no room to replay anything."""
        self.events: list[Mapping[str, Any]] = []
        self.trial: Mapping[str, str] | None = None

    def live(self) -> Alias:
        return Alias(self.version(self.alias), dict(self.weights))

    def version(self, version: str) -> LiveVersion:
        if version not in self.versions:
            raise NotFoundError(f"there is no version {version}")
        return self.versions[version]

    def published(self) -> Iterator[LiveVersion]:
        yield from (found for version, found in self.versions.items() if version != LATEST)

    def invoke(self, version: str, event: Mapping[str, Any], trial: Mapping[str, str] | None = None) -> Invocation:
        self.events.append(event)
        self.trial = trial if version == LATEST else None
        return replace(self.answer(version, event), log="")

    def replay(self, version: str, event: Mapping[str, Any]) -> Invocation | None:
        self.events.append(event)
        if self.is_full:
            return None
        return self.answer(version, event)

    def deploy(self, code: str, **settings: Any) -> None:
        """Deploy the function's code, as `sam deploy` does: only $LATEST changes."""
        latest = self.versions[LATEST]
        inference = Inference(code, {**latest.inference.settings, **settings})
        self.versions[LATEST] = replace(latest, inference=inference)

    def publish(self, version: str, release_id: str, endpoint_name: str) -> None:
        """Publish $LATEST for a release, as the state machine does."""
        inference = self.versions[LATEST].inference
        for name in (LATEST, version):
            self.versions[name] = LiveVersion(name, release_id, endpoint_name, inference)


class FakeRequestLogs:
    """The inference function's log: lines in the order in which they arrived."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []
        self.page = 10_000
        self.reads: list[tuple[int, int]] = []

    def read(self, start: int, end: int, pages: int) -> tuple[list[LogEvent], bool]:
        self.reads.append((start, end))
        found = sorted((e for e in self.events if start <= e.timestamp <= end), key=lambda e: e.timestamp)
        most = pages * self.page
        return found[:most], len(found) <= most


class FakePredictions:
    """Endpoints that score each row by a function of its values."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.score: Callable[[list[float]], object] = sum
        self.milliseconds: Iterator[float] | None = None
        self.failure: Exception | None = None
        self.calls: list[tuple[str, int]] = []

    def invoke(self, endpoint_name: str, rows: str) -> bytes:
        if self.failure:
            raise self.failure
        parsed = [[float(cell) for cell in line.split(",")] for line in rows.splitlines()]
        self.calls.append((endpoint_name, len(parsed)))
        self.clock.advance((next(self.milliseconds) if self.milliseconds else 5.0) / 1000)
        return "".join(f"{self.score(row)}\n" for row in parsed).encode()


class FakeEndpoints:
    """What a release leaves: endpoints by name and status; configs, models, scaling, schedules by name."""

    def __init__(self) -> None:
        self.endpoints: dict[str, Endpoint] = {}
        self.configs: set[str] = set()
        self.models: set[str] = set()
        self.scaling: set[str] = set()
        self.schedules: set[str] = set()
        self.expiring: set[str] = set()
        """Endpoints whose log lines have a time to stay."""
        self.log: list[str] = []

    def add(self, name: str, status: str = "InService", capture: int = 100) -> None:
        """Put an endpoint with its config there for a test."""
        self.endpoints[name] = Endpoint(name, status, capture, name)
        self.configs.add(name)

    def describe(self, name: str) -> Endpoint | None:
        return self.endpoints.get(name)

    def is_scaled(self, name: str) -> bool:
        return name in self.scaling

    def is_scheduled(self, name: str) -> bool:
        return name in self.schedules

    def remove_schedule(self, name: str) -> bool:
        return self._remove(self.schedules, "schedule", name)

    def remove_scaling(self, endpoint_name: str) -> bool:
        return self._remove(self.scaling, "scaling", endpoint_name)

    def remove_endpoint(self, name: str) -> bool:
        if name not in self.endpoints:
            return False
        if name in self.scaling:
            raise InvalidRequestError("an endpoint with a scaling target can't be deleted")
        self.endpoints[name] = replace(self.endpoints[name], status="Deleting")
        self.log.append(f"endpoint {name}")
        return True

    def expire_logs(self, name: str) -> None:
        self.expiring.add(name)

    def remove_config(self, name: str) -> bool:
        return self._remove(self.configs, "config", name)

    def remove_model(self, name: str) -> bool:
        return self._remove(self.models, "model", name)

    def finish_deleting(self) -> None:
        """Let SageMaker finish what it was asked to delete."""
        self.endpoints = {name: found for name, found in self.endpoints.items() if found.status != "Deleting"}

    def _remove(self, names: set[str], kind: str, name: str) -> bool:
        if name not in names:
            return False
        names.remove(name)
        self.log.append(f"{kind} {name}")
        return True


class FakePackages:
    """Model packages by ARN."""

    def __init__(self) -> None:
        self.packages: dict[str, ModelPackage] = {}

    def find(self, arn: str) -> ModelPackage | None:
        return self.packages.get(arn)


class FakeExecutions:
    """Executions by ARN, and tasks that wait."""

    def __init__(self) -> None:
        self.statuses: dict[str, str] = {}
        self.start = START
        self.reasons: dict[str, tuple[str, str]] = {}
        """Error and cause of those that did not succeed."""
        self.stopped: dict[str, datetime] = {}
        self.waiting: set[str] = set()
        self.answers: list[tuple[str, dict[str, Any]]] = []
        self.failure: Exception | None = None

    def status(self, execution_arn: str) -> str | None:
        return self.statuses.get(execution_arn)

    def started(self, execution_arn: str) -> datetime:
        return self.start

    def describe(self, execution_arn: str) -> Execution:
        if execution_arn not in self.statuses:
            raise NotFoundError(f"there is no execution {execution_arn}")
        error, cause = self.reasons.get(execution_arn, ("", ""))
        return Execution(self.statuses[execution_arn], self.start, error, cause, self.stopped.get(execution_arn))

    def succeed(self, task_token: str, output: Mapping[str, Any]) -> bool:
        if self.failure:
            raise self.failure
        if task_token not in self.waiting:
            return False
        self.waiting.remove(task_token)
        self.answers.append((task_token, dict(output)))
        return True


class FakeActivity:
    """Tasks that nobody was handed yet."""

    def __init__(self) -> None:
        self.tasks: list[WaitingTask] = []

    def take(self) -> WaitingTask | None:
        return self.tasks.pop(0) if self.tasks else None


class FakeTaskTokens:
    """Sealed tokens by release and turn."""

    def __init__(self) -> None:
        self.sealed: dict[tuple[str, int], SealedToken] = {}

    def keep(self, release_id: str, turn: int, token: SealedToken) -> None:
        self.sealed[release_id, turn] = token

    def find(self, release_id: str, turn: int) -> SealedToken | None:
        return self.sealed.get((release_id, turn))


class FakeDeployments:
    """Deployments by id, and what hooks reported."""

    def __init__(self) -> None:
        self.deployments: dict[str, Deployment] = {}
        self.shift: Shift | None = None
        self.reports: list[tuple[str, str, bool]] = []
        self.stopped: list[str] = []
        self.stages: dict[str, DeploymentProgress] = {}

    def progress(self, deployment_id: str) -> DeploymentProgress:
        self.get(deployment_id)
        return self.stages.get(deployment_id, DeploymentProgress("Created", "no reason given"))

    def get(self, deployment_id: str) -> Deployment:
        if deployment_id not in self.deployments:
            raise NotFoundError(f"there is no deployment {deployment_id}")
        return self.deployments[deployment_id]

    def under_way(self) -> Shift | None:
        return self.shift

    def report(self, deployment_id: str, hook_execution_id: str, *, succeeded: bool) -> None:
        self.reports.append((deployment_id, hook_execution_id, succeeded))

    def stop(self, deployment_id: str) -> None:
        self.stopped.append(deployment_id)


class FakeInventory:
    """What a test says that releases have, and the leases that were set."""

    def __init__(self) -> None:
        self.things: list[Held] = []
        self.failure: Exception | None = None

    def add(self, kind: str, name: str, tags: dict[str, str] | None = None, **rest: Any) -> None:
        """Put something there for a test."""
        self.things.append(Held(kind, name, f"arn:{kind}/{name}", tags or {}, START, **rest))

    def held(self) -> Iterator[Held]:
        yield from self.things

    def lease(self, held: Held, expires: str) -> None:
        if self.failure:
            raise self.failure
        tags = {key: value for key, value in held.tags.items() if key != "safe-deploy:expires"}
        changed = replace(held, tags=tags | ({"safe-deploy:expires": expires} if expires else {}))
        self.things = [changed if entry == held else entry for entry in self.things]


class FakeJobs:
    """Jobs by name, with their status."""

    def __init__(self) -> None:
        self.statuses: dict[str, str] = {}
        self.stopped: list[tuple[str, str]] = []

    def stop(self, kind: str, name: str) -> bool:
        status = self.statuses.get(name)
        if status == "InProgress":
            self.stopped.append((kind, name))
            self.statuses[name] = "Stopping"
        return status in ("InProgress", "Stopping")


class FakeTopic:
    """Notices that were sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.failures = 0

    def publish(self, subject: str, text: str) -> None:
        if self.failures:
            self.failures -= 1
            raise TransientError("SNS is away")
        assert len(subject) <= 100
        assert subject.isascii()
        assert subject.isprintable()
        self.sent.append((subject, text))


class FakeMailbox:
    """Mails to single persons."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str, str]] = []

    def send(self, to: str, subject: str, text: str, html: str) -> None:
        self.sent.append((to, subject, text, html))


class FakeReminders:
    """Reminders by name; what they would send, and when."""

    def __init__(self) -> None:
        self.set_for: dict[str, tuple[datetime, dict[str, Any]]] = {}

    def set(self, name: str, at: datetime, request: Mapping[str, Any]) -> None:
        self.set_for[name] = (at, dict(request))


class FakeKeys:
    """A key whose ciphertexts open only with the context they were made with."""

    def encrypt(self, secret: str, context: Mapping[str, str]) -> bytes:
        return json.dumps([secret[::-1], sorted(context.items())]).encode().hex().encode()

    def decrypt(self, ciphertext: bytes, context: Mapping[str, str]) -> str:
        secret, bound = json.loads(bytes.fromhex(ciphertext.decode()))
        if bound != [list(pair) for pair in sorted(context.items())]:
            raise InvalidRequestError("decrypt a task token: InvalidCiphertextException")
        return str(secret)[::-1]


class FakeAlarms:
    """Metric alarms by name; those of the alias are there from the beginning."""

    def __init__(self) -> None:
        self.alarms: dict[str, Alarm] = {}
        self.tags: dict[str, dict[str, str]] = {}

    def add(self, name: str, state: str = "OK", reason: str = "") -> None:
        """Put an alarm of the alias there for a test."""
        dimensions = [{"Name": "FunctionName", "Value": "predict"}, {"Name": "Resource", "Value": "predict:live"}]
        metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": dimensions}
        settings = {
            "AlarmName": name,
            "AlarmDescription": "Predictions fail",
            "EvaluationPeriods": 1,
            "Threshold": 0.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": ["arn:aws:sns:eu-west-1:111122223333:notices"],
            "Metrics": [
                {"Id": "beyond", "Expression": "errors - 1", "ReturnData": True},
                {"Id": "errors", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False},
            ],
        }
        self.alarms[name] = Alarm(name, state, reason, settings)

    def describe(self, names: Sequence[str]) -> list[Alarm]:
        for name in names:
            if name not in self.alarms:
                raise NotFoundError(f"there is no alarm {name}")
        return [self.alarms[name] for name in names]

    def put(self, settings: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        name = str(settings["AlarmName"])
        self.alarms[name] = Alarm(name, "INSUFFICIENT_DATA", "", dict(settings))
        self.tags[name] = dict(tags)

    def remove(self, name: str) -> bool:
        return self.alarms.pop(name, None) is not None


class FakeMetrics:
    """Metrics that were written."""

    def __init__(self) -> None:
        self.written: list[tuple[dict[str, str], dict[str, float]]] = []

    def put(self, dimensions: Mapping[str, str], values: Mapping[str, float], at: datetime) -> None:
        self.written.append((dict(dimensions), dict(values)))


class FakeContext:
    """Lambda's context, as far as Powertools and the hooks read it."""

    function_name = "function"
    memory_limit_in_mb = 128
    invoked_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:function"
    aws_request_id = "request"

    def __init__(self, milliseconds: int = 120_000) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass
class FakeOutside:
    """Everything outside, in memory."""

    memory: Memory = field(default_factory=Memory)
    source: Source = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.releases = FakeReleases(self.memory)
        self.approvals = FakeApprovals(self.memory)
        self.task_tokens = FakeTaskTokens()
        self.activity = FakeActivity()
        self.rollbacks = FakeRollbacks(self.memory)
        self.attempts = FakeAttempts(self.memory)
        self.locks = FakeLocks(self.memory)
        self.objects = FakeObjects()
        self.functions = FakeFunctions()
        self.request_logs = FakeRequestLogs()
        self.predictions = FakePredictions(self.clock)
        self.endpoints = FakeEndpoints()
        self.packages = FakePackages()
        self.executions = FakeExecutions()
        self.deployments = FakeDeployments()
        self.jobs = FakeJobs()
        self.inventory = FakeInventory()
        self.upkeep = FakeUpkeep(self.memory)
        self.topic = FakeTopic()
        self.mailbox = FakeMailbox()
        self.reminders = FakeReminders()
        self.keys = FakeKeys()
        self.alarms = FakeAlarms()
        self.metrics = FakeMetrics()
