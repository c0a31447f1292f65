"""What Lambda's groups of operations share: the functions, the lock, the executor. Base of each group."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any, ClassVar

from localaws.errors import AwsError
from localaws.front_door.credentials import Principal
from localaws.lambda_.asynchronous import EventQueue
from localaws.lambda_.bundles import Bundles
from localaws.lambda_.environment import Planner
from localaws.lambda_.invocation import Invoker
from localaws.lambda_.model import Bundle, Function, LayerVersion
from localaws.lambda_.names import Reference, reference
from localaws.lambda_.pool import Pool
from localaws.lambda_.routing import not_found
from localaws.lambda_.telemetry import Telemetry
from localaws.service import Call, Service

if TYPE_CHECKING:
    from localaws.world import World

PRESIGNED_SECONDS = 600
STALE_REVISION = (
    "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
    "retrieve the latest Revision Id"
)


class LambdaBase(Service):
    """State and small helpers of every operation."""

    name: ClassVar[str] = "lambda"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        home = world.settings.home / "lambda"
        self.functions: dict[str, Function] = {}
        self.layers: dict[str, dict[int, LayerVersion]] = {}
        self.layer_numbers: dict[str, int] = {}
        self.lock = threading.RLock()
        self.bundles = Bundles(home)
        self.telemetry = Telemetry(world)
        self.pool = Pool(Planner(world, self.bundles, home))
        self.invoker = Invoker(world, self.pool, self.telemetry)
        self.events = EventQueue(world.clock)
        self.chance = random.Random()  # noqa: S311 - routing, not a secret

    def find(self, call: Call) -> tuple[Function, Reference]:
        """The function that a call names. Raises `ResourceNotFoundException`."""
        named = reference(call.params)
        return self.function(named.name, named.qualifier), named

    def function(self, name: str, qualifier: str = "") -> Function:
        """A function by its name, with a finished update taken into effect."""
        function = self.functions.get(name)
        if function is None:
            arn = self.arn(f"function:{name}")
            raise not_found(f"{arn}:{qualifier}" if qualifier else arn)
        self.settle(function)
        return function

    def settle(self, function: Function) -> None:
        """Let a finished update take effect; environments of the state before are ended."""
        before = function.settle()
        if before is not None:
            self.pool.retire(before)

    def client_for(self, principal: Principal, service: str) -> Any:
        """A client that acts with the caller's own rights."""
        if ":role/" in principal.arn:
            return self.world.client(service, role=principal.arn, session=principal.session)
        return self.world.client(service)

    def check_revision(self, call: Call, revision: str) -> None:
        """Raise `PreconditionFailedException` when the caller expects another revision."""
        expected = call.params.get("RevisionId")
        if expected and expected != revision:
            raise AwsError("PreconditionFailedException", STALE_REVISION, 412, Type="User")

    def location(self, bundle: Bundle) -> str:
        """A presigned address of the archive in Lambda's own bucket, which exists once it is asked for."""
        settings = self.world.settings
        bucket = f"awslambda-{settings.region}-tasks"
        s3 = self.world.client("s3")
        if bucket not in (held["Name"] for held in s3.list_buckets()["Buckets"]):
            elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": settings.region}}
            s3.create_bucket(Bucket=bucket, **({} if settings.region == "us-east-1" else elsewhere))
        s3.put_object(Bucket=bucket, Key=bundle.archive.name, Body=bundle.archive.read_bytes())
        location = {"Bucket": bucket, "Key": bundle.archive.name}
        return str(s3.generate_presigned_url("get_object", Params=location, ExpiresIn=PRESIGNED_SECONDS))
