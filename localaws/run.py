"""A whole world from start to stop: its services, its log, its ready line. Called by `python -m localaws`."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localaws.autoscaling import Autoscaling
from localaws.bucket_policies import BucketPolicies
from localaws.cloudformation.service import CloudFormation
from localaws.cloudwatch.service import CloudWatch
from localaws.codedeploy.service import CodeDeploy
from localaws.encryption import Encryption
from localaws.eventbridge.service import EventBridge
from localaws.faults.service import FaultInjection
from localaws.http_api.service import HttpApi
from localaws.lambda_.service import Lambda
from localaws.log_filters import LogFilters
from localaws.mail.service import Mail
from localaws.page.service import Page
from localaws.sagemaker.runtime import SageMakerRuntime
from localaws.sagemaker.service import SageMaker
from localaws.scheduler.service import Scheduler
from localaws.service import Service
from localaws.settings import PERSON_ACCESS_KEY, Settings
from localaws.stepfunctions.service import StepFunctions
from localaws.storage import Storage
from localaws.sts.service import Sts
from localaws.world import World

log = logging.getLogger("localaws")
ALL_SERVICES: tuple[type[Service], ...] = (
    Sts,
    Storage,
    BucketPolicies,
    LogFilters,
    Encryption,
    Autoscaling,
    Mail,
    EventBridge,
    CloudWatch,
    Scheduler,
    Lambda,
    SageMaker,
    SageMakerRuntime,
    StepFunctions,
    CodeDeploy,
    HttpApi,
    CloudFormation,
    Page,
    FaultInjection,
)
"""Everything that a world has, in the order in which it starts; it stops in the reverse."""
LOG_FILE = "localaws.log"


class StartError(Exception):
    """The world can't open; the message says why and what to do."""


@contextmanager
def open_world(settings: Settings) -> Iterator[World]:
    """A running world with every service; stopped at the end. Raises `StartError`."""
    for what, python in (("lambda-python", settings.lambda_python), ("jobs-python", settings.jobs_python)):
        if not python.is_file():
            raise StartError(f"--{what} {python} is not there; `make setup` creates it")
    world = World(settings, ALL_SERVICES)
    try:
        world.start()
    except OSError as error:
        raise StartError(f"port {settings.port} can't be used ({error}); choose another by --port") from error
    try:
        yield world
    finally:
        world.stop()


def serve(settings: Settings, ready_file: Path | None = None) -> None:
    """Run a world until SIGINT or SIGTERM. Raises `StartError`."""
    settings.home.mkdir(parents=True, exist_ok=True)
    _log_to(settings.home / LOG_FILE)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    with open_world(settings) as world:
        if ready_file is not None:
            ready_file.write_text(f"{world.endpoint}\n")
        sys.stdout.write(ready_text(world))
        sys.stdout.flush()
        log.info("ready at %s", world.endpoint)
        ended.wait()
        log.info("stopping")


def ready_text(world: World) -> str:
    """What a person needs to know: the address, and how AWS's tools find it."""
    settings = world.settings
    return (
        f"localaws is ready at {world.endpoint} (a page for your browser, too). "
        f"Its log: {settings.home / LOG_FILE}\n"
        f"export AWS_ENDPOINT_URL={world.endpoint}\n"
        f"export AWS_ACCESS_KEY_ID={PERSON_ACCESS_KEY}\n"
        f"export AWS_SECRET_ACCESS_KEY={PERSON_ACCESS_KEY}\n"
        f"export AWS_DEFAULT_REGION={settings.region}\n"
    )


def _log_to(path: Path) -> None:
    handler = logging.FileHandler(path, mode="w")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    log.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
