"""Small functions and their bundles, for tests that need Lambda to run something."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from localaws.cloudwatch.metrics import Datapoint
from localaws.lambda_.service import Lambda
from localaws.service import Service
from localaws.world import World

ECHO = "def handler(event, context):\n    return event\n"


def zipped(files: Mapping[str, str]) -> bytes:
    """A zip archive of text files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def role(world: World, name: str = "function-role") -> str:
    """A role that Lambda may assume; made when it isn't there yet."""
    iam: Any = world.client("iam")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    try:
        return str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])
    except iam.exceptions.EntityAlreadyExistsException:
        return str(iam.get_role(RoleName=name)["Role"]["Arn"])


def create(world: World, name: str, source: str | Mapping[str, str], **settings: Any) -> str:
    """A function whose `app.py` is `source` (or whose files are), ready to be invoked; its ARN."""
    files = {"app.py": source} if isinstance(source, str) else source
    client: Any = world.client("lambda")
    made = client.create_function(
        **{
            "FunctionName": name,
            "Runtime": "python3.13",
            "Role": role(world),
            "Handler": "app.handler",
            "Code": {"ZipFile": zipped(files)},
            "Timeout": 30,  # of real time: a cold start on a busy machine may take longer than Lambda's own 3 s
            **settings,
        }
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.02})
    return str(made["FunctionArn"])


def wait_updated(world: World, name: str) -> None:
    """Return when the function's last update is finished."""
    client: Any = world.client("lambda")
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.02})


def invoke(world: World, name: str, event: object = None, **options: Any) -> Any:
    """The payload of a synchronous invocation, parsed."""
    client: Any = world.client("lambda")
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event), **options)
    return json.loads(answer["Payload"].read())


def log_messages(world: World, group: str) -> list[str]:
    """Every message of a log group, stream after stream."""
    world.service(Lambda).flush()
    logs: Any = world.client("logs")
    return [
        event["message"]
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)[
            "events"
        ]
    ]


class Metrics(Service):
    """Stands for CloudWatch: keeps what is published, and lets a test wait for it."""

    name: ClassVar[str] = "cloudwatch"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._points: list[tuple[str, Datapoint]] = []
        self._changed = threading.Condition()

    def ingest(self, namespace: str, data: Iterable[Datapoint]) -> None:
        with self._changed:
            self._points += [(namespace, point) for point in data]
            self._changed.notify_all()

    def total(self, name: str, **dimensions: str) -> float:
        """The sum of a metric under exactly these dimensions."""
        wanted = sorted(dimensions.items())
        return sum(p.value for _, p in self._points if p.name == name and sorted(p.dimensions) == wanted)

    def namespaces(self) -> set[str]:
        """Every namespace seen."""
        return {namespace for namespace, _ in self._points}

    def wait_for(self, name: str, total: float, **dimensions: str) -> bool:
        """Whether the sum reaches `total` within half a minute."""
        with self._changed:
            return self._changed.wait_for(lambda: self.total(name, **dimensions) >= total, timeout=30)
