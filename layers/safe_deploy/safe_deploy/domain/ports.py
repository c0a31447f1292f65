"""What the decisions need from the outside, as protocols. Implemented by gateways and, in tests, by fakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from safe_deploy.domain.alarms import Alarm
from safe_deploy.domain.approval import Approval, Delivery, Holder
from safe_deploy.domain.decision import ApprovalState, Decision
from safe_deploy.domain.live import Alias, LiveVersion, Shift
from safe_deploy.domain.lock import Lock
from safe_deploy.domain.manifest import Drop
from safe_deploy.domain.release import Release, State
from safe_deploy.domain.source import Source


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An S3 object, described."""

    uri: str
    etag: str
    size: int
    version_id: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A SageMaker endpoint, described."""

    name: str
    status: str
    capture_percentage: int
    """0 when nothing is captured."""
    config_name: str = ""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What a Lambda function answered to a direct invocation."""

    payload: bytes
    error: str = ""
    """Lambda's FunctionError, empty when the function returned."""
    request_id: str = ""
    log: str = ""
    """The end of the invocation's log, if it was asked for."""


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """A version in the model registry."""

    approval: str
    """Approved, Rejected or PendingManualApproval."""
    image: str
    model_data_url: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """A CodeDeploy deployment of a Lambda function."""

    deployment_id: str
    target_version: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """Something that a release has made, as it is found in the account."""

    kind: str
    """`endpoint`, `endpoint config`, `model`, `schedule` or `alarm`."""
    name: str
    arn: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    since: datetime | None = None
    status: str = ""
    instance_type: str = ""
    instances: int = 0


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution of a state machine, described."""

    status: str
    started: datetime
    error: str = ""
    cause: str = ""
    stopped: datetime | None = None
    """When it ended; None while it runs."""


@dataclass(frozen=True, slots=True)
class WaitingTask:
    """A task of a state machine that ends when somebody sends its token back."""

    token: str = field(repr=False)
    input: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class SealedToken:
    """A task's token, encrypted."""

    content: bytes
    until: datetime
    """When the task's own time is up, to the second."""


@dataclass(frozen=True, slots=True)
class LifecycleEvent:
    """One of a deployment's three parts; the first and the last are hooks."""

    name: str
    status: str
    started: datetime | None


@dataclass(frozen=True, slots=True)
class DeploymentProgress:
    """How far a deployment of a Lambda function has come."""

    status: str
    message: str
    """Why it ended, where it ended badly."""
    events: tuple[LifecycleEvent, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Return whether nothing will change any more."""
        return self.status in ("Succeeded", "Failed", "Stopped")

    @property
    def is_shifting(self) -> bool:
        """Return whether traffic is being shifted just now."""
        return any(event.name == "AllowTraffic" and event.status == "InProgress" for event in self.events)

    def hanging_hook(self, now: datetime, seconds: Mapping[str, int], slack: int) -> str | None:
        """Return a sentence when a hook has been under way for longer than its function can live."""
        for event in self.events:
            if event.status == "InProgress" and event.started is not None and event.name in seconds:
                age = (now - event.started).total_seconds()
                if age > seconds[event.name] + slack:
                    return f"the hook {event.name} has not answered in {age:.0f} s; its function is dead or hangs"
        return None


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line of a log. Times are milliseconds since the epoch."""

    timestamp: int
    ingested: int
    stream: str
    message: str

    @property
    def lag(self) -> int:
        """Return how long the line took into the log."""
        return max(0, self.ingested - self.timestamp)


class Objects(Protocol):
    """Files in S3, by URI. A missing one raises NotFoundError."""

    def describe(self, uri: str) -> StoredObject:
        """Return size, etag and version of an object."""

    def read(self, uri: str, *, limit: int, version_id: str = "") -> bytes:
        """Return an object's content; TooLargeError when it has more than `limit` bytes."""

    def read_json(self, uri: str) -> Any:
        """Return the parsed content of a JSON file that a job left."""

    def write(self, uri: str, content: bytes, content_type: str) -> None:
        """Create or replace an object."""

    def replace(self, uri: str, content: bytes, content_type: str, *, previous: str | None) -> str:
        """Replace the object whose etag is `previous`, or create it where that is None; return the new etag.

        Raises ConditionFailedError when somebody else has written it since.
        """

    def list(self, bucket: str, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects under a prefix, in the order of their keys."""


class Releases(Protocol):
    """Release records, the drops and data they claim, and their audit trail."""

    def register(self, release_id: str, drop: Drop, execution_arn: str, now: datetime) -> str | None:
        """Create a record and claim its drop, both or neither; return another release that has the drop."""

    def claim_data(self, digest: str, release_id: str, code_digest: str) -> tuple[str, str] | None:
        """Claim a drop's content; return (release id, code digest) of the release that has it, if another."""

    def take_data(self, digest: str, release_id: str, code_digest: str, *, previous: str) -> None:
        """Take a claim over from `previous`. Raises ConditionFailedError when somebody else has it by now."""

    def create(self, release_id: str, state: State, attributes: Mapping[str, Any], now: datetime) -> bool:
        """Create a record outside registration; return whether there was none."""

    def get(self, release_id: str) -> Release:
        """Return a record. Raises NotFoundError."""

    def find(self, release_id: str) -> Release | None:
        """Return a record, or None."""

    def update(
        self, release_id: str, attributes: Mapping[str, Any], now: datetime, *, state: State | None = None
    ) -> Release:
        """Write attributes, and the state if one is given. Raises IllegalTransitionError, NotFoundError."""

    def retire(self, release_id: str, keeper: str, now: datetime) -> Release:
        """Note that a release's endpoint goes, if `keeper` is still who keeps it warm.

        From then on who wants to go back has to make the endpoint anew. Raises ConditionFailedError when somebody
        else keeps it by now.
        """

    def restore(self, release_id: str, attributes: Mapping[str, Any], now: datetime) -> Release:
        """Write attributes of a release that serves again, and that it is live. Raises IllegalTransitionError."""

    def audit(self, release_id: str, event: str, actor: str, detail: Mapping[str, Any], now: datetime) -> bool:
        """Append to the audit trail; the same entry twice is kept once. Return whether it is new."""


class Approvals(Protocol):
    """Approvals: who may decide, until when, and what was decided."""

    def find(self, approval_id: str) -> Approval | None:
        """Return an approval, or None."""

    def open(self, approval: Approval, question: str, *, previous: str | None, now: datetime) -> None:
        """Store an approval, name it in its release's record and in the audit trail; supersede a pending previous one.

        `question` is what people are asked, without a link; it stands in the release's record beside the digest.
        Raises ConditionFailedError when the previous one has been decided, IllegalTransitionError when the
        release is past asking.
        """

    def decide(self, approval: Approval, decision: Decision) -> Approval:
        """Record a decision in the approval, the release and the audit trail, all or none; return what it is then.

        Raises ConditionFailedError when the approval isn't as it was read any more, IllegalTransitionError when the
        release doesn't wait.
        """

    def use_form(self, approval: Approval) -> Approval:
        """Count a form that decides nothing, so that its token isn't good any more.

        Raises ConditionFailedError when the approval isn't as it was read any more.
        """

    def add_holder(self, approval: Approval, holder: Holder) -> Approval:
        """Let one more link open a pending approval. Raises ConditionFailedError as `use_form` does."""

    def delivered(self, approval_id: str, delivery: Delivery, now: datetime) -> None:
        """Record what became of handing the decision to the state machine."""

    def withdraw(self, approval_id: str, state: ApprovalState) -> None:
        """End a pending approval that nobody decided; one that is decided stays as it is."""


class TaskTokens(Protocol):
    """Tokens of the tasks in which releases wait for people; sealed, so that who reads the table can't use them."""

    def keep(self, release_id: str, turn: int, token: SealedToken) -> None:
        """Keep the token of the task in which a release waits for the `turn`-th time."""

    def find(self, release_id: str, turn: int) -> SealedToken | None:
        """Return a token, or None."""


class Activity(Protocol):
    """The activity in which releases wait for people."""

    def take(self) -> WaitingTask | None:
        """Return a task that nobody was handed yet; None when there is none for a minute."""


class Rollbacks(Protocol):
    """What became of each attempt to go back."""

    def find(self, rollback_id: str) -> dict[str, Any]:
        """Return what is on record about a rollback; nothing when it is new."""

    def write(self, rollback_id: str, item: Mapping[str, Any]) -> None:
        """Create or replace a rollback's record."""


class Attempts(Protocol):
    """Counters of visits, forgotten after a while."""

    def count(self, name: str, limit: int, until: datetime) -> bool:
        """Count one more, unless the limit is reached; return whether it was counted."""


class Reminders(Protocol):
    """One-time schedules that remind of approvals."""

    def set(self, name: str, at: datetime, request: Mapping[str, Any]) -> None:
        """Call remind_approver then; a reminder of that name that there is already is replaced."""


class Mailbox(Protocol):
    """Mails to one person each."""

    def send(self, to: str, subject: str, text: str, html: str) -> None:
        """Send a mail."""


class Locks(Protocol):
    """The production lock."""

    def read(self) -> Lock | None:
        """Return the lock, or None when it was never taken."""

    def write(self, lock: Lock, *, previous: Lock | None) -> None:
        """Replace the lock that was read. Raises ConditionFailedError when it has changed since."""

    def waiting(self) -> str:
        """Return the release that last came to wait for the lock; empty when none ever did."""

    def wait(self, release_id: str, *, previous: str) -> None:
        """Note that a release waits. Raises ConditionFailedError when another came to wait since."""


class Functions(Protocol):
    """The inference Lambda."""

    def live(self) -> Alias:
        """Return what the alias points to."""

    def version(self, version: str) -> LiveVersion:
        """Return a version's code, release and endpoint; also of `$LATEST`. Raises NotFoundError."""

    def published(self) -> Iterator[LiveVersion]:
        """Yield every published version."""

    def invoke(self, version: str, event: Mapping[str, Any], trial: Mapping[str, str] | None = None) -> Invocation:
        """Invoke a version with an event and wait for its answer.

        `trial` names another endpoint and release; only `$LATEST` heeds it.
        """

    def replay(self, version: str, event: Mapping[str, Any]) -> Invocation | None:
        """Invoke a version once, for as long as it takes; return its answer with the end of its log.

        None where there was no room for it: it never ran. Raises TransientError where nobody knows what became of it.
        """


class RequestLogs(Protocol):
    """The inference function's log."""

    def read(self, start: int, end: int, pages: int) -> tuple[list[LogEvent], bool]:
        """Return the lines from `start` to `end`, both included, in the order of their time, and whether all of them.

        Lambda's own lines are among them. At most so many pages of the log are read.
        """


class Predictions(Protocol):
    """SageMaker endpoints, asked for scores."""

    def invoke(self, endpoint_name: str, rows: str) -> bytes:
        """Send CSV rows and return the CSV answer. Raises ModelAnswerError, NotFoundError, TransientError."""


class Endpoints(Protocol):
    """SageMaker's and its neighbours' resources behind a release. Removing what is gone returns False."""

    def describe(self, name: str) -> Endpoint | None:
        """Return an endpoint, or None."""

    def is_scaled(self, name: str) -> bool:
        """Return whether an endpoint has a scalable target."""

    def is_scheduled(self, name: str) -> bool:
        """Return whether there is a schedule that is enabled."""

    def remove_schedule(self, name: str) -> bool:
        """Delete a schedule."""

    def remove_scaling(self, endpoint_name: str) -> bool:
        """Delete an endpoint's scaling policies and deregister its scalable target."""

    def remove_endpoint(self, name: str) -> bool:
        """Begin to delete an endpoint."""

    def expire_logs(self, name: str) -> None:
        """Let what an endpoint has logged go after the stack's time; what logged nothing is done."""

    def remove_config(self, name: str) -> bool:
        """Delete an endpoint config."""

    def remove_model(self, name: str) -> bool:
        """Delete a model."""


class Packages(Protocol):
    """The model registry."""

    def find(self, arn: str) -> ModelPackage | None:
        """Return a model package, or None."""


class Executions(Protocol):
    """Executions of the state machine."""

    def status(self, execution_arn: str) -> str | None:
        """Return RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED ..., or None when AWS has forgotten it."""

    def started(self, execution_arn: str) -> datetime:
        """Return when an execution started. Raises NotFoundError."""

    def describe(self, execution_arn: str) -> Execution:
        """Return an execution: its status, and why it ended if it did not succeed. Raises NotFoundError."""

    def succeed(self, task_token: str, output: Mapping[str, Any]) -> bool:
        """Hand a task its output; return False when nothing waits for it any more."""


class Deployments(Protocol):
    """CodeDeploy."""

    def get(self, deployment_id: str) -> Deployment:
        """Return a deployment. Raises NotFoundError, InvalidRequestError."""

    def progress(self, deployment_id: str) -> DeploymentProgress:
        """Return how far a deployment has come. Raises NotFoundError."""

    def under_way(self) -> Shift | None:
        """Return the deployment that is moving traffic now, or about to."""

    def report(self, deployment_id: str, hook_execution_id: str, *, succeeded: bool) -> None:
        """Tell CodeDeploy what a hook found; a second report changes nothing."""

    def stop(self, deployment_id: str) -> None:
        """Stop a deployment and send traffic back; one that has ended stays as it is."""


class Jobs(Protocol):
    """SageMaker's training and processing jobs."""

    def stop(self, kind: str, name: str) -> bool:
        """Ask a job to stop if it runs; return whether it has not ended yet. One that isn't there has."""


class Inventory(Protocol):
    """What releases of this model have in the account."""

    def held(self) -> Iterator[Held]:
        """Yield everything whose name begins as a release's does."""

    def lease(self, held: Held, expires: str) -> None:
        """Let the tag of a resource say until when it is needed; empty takes the tag off."""


class Upkeep(Protocol):
    """The hourly check of production."""

    def last(self) -> dict[str, Any]:
        """Return what the last check saw; nothing before the first."""

    def write(self, item: Mapping[str, Any]) -> None:
        """Keep what a check saw, in place of the last."""


class Topic(Protocol):
    """Notices to people."""

    def publish(self, subject: str, text: str) -> None:
        """Send a notice to everybody who subscribed."""


class Keys(Protocol):
    """Encryption of what must not be read in the table."""

    def encrypt(self, secret: str, context: Mapping[str, str]) -> bytes:
        """Return the ciphertext, bound to the context."""

    def decrypt(self, ciphertext: bytes, context: Mapping[str, str]) -> str:
        """Return the secret. Raises InvalidRequestError when the context isn't the one it was bound to."""


class Alarms(Protocol):
    """CloudWatch alarms."""

    def describe(self, names: Sequence[str]) -> list[Alarm]:
        """Return metric alarms, in the order of their names. Raises NotFoundError when one doesn't exist."""

    def put(self, settings: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Create or replace a metric alarm."""

    def remove(self, name: str) -> bool:
        """Delete an alarm. Return whether there was one."""


class Metrics(Protocol):
    """CloudWatch metrics."""

    def put(self, dimensions: Mapping[str, str], values: Mapping[str, float], at: datetime) -> None:
        """Write one value for each metric."""


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """Return the time, in UTC."""

    def seconds(self) -> float:
        """Return a reading of a clock that never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Outside(Protocol):
    """Everything outside that a function may use; each part is built when it is first asked for."""

    @property
    def releases(self) -> Releases: ...
    @property
    def approvals(self) -> Approvals: ...
    @property
    def task_tokens(self) -> TaskTokens: ...
    @property
    def activity(self) -> Activity: ...
    @property
    def rollbacks(self) -> Rollbacks: ...
    @property
    def attempts(self) -> Attempts: ...
    @property
    def reminders(self) -> Reminders: ...
    @property
    def mailbox(self) -> Mailbox: ...
    @property
    def locks(self) -> Locks: ...
    @property
    def objects(self) -> Objects: ...
    @property
    def functions(self) -> Functions: ...
    @property
    def request_logs(self) -> RequestLogs: ...
    @property
    def predictions(self) -> Predictions: ...
    @property
    def endpoints(self) -> Endpoints: ...
    @property
    def packages(self) -> Packages: ...
    @property
    def executions(self) -> Executions: ...
    @property
    def deployments(self) -> Deployments: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def inventory(self) -> Inventory: ...
    @property
    def upkeep(self) -> Upkeep: ...
    @property
    def topic(self) -> Topic: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def alarms(self) -> Alarms: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def source(self) -> Source: ...
    @property
    def clock(self) -> Clock: ...
