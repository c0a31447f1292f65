"""What the page shows, read through AWS's APIs and from the services of this process. Called by the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from localaws.actor import MARK, client_as
from localaws.cloudwatch.service import CloudWatch
from localaws.delegated import SERVICES as DELEGATED
from localaws.eventbridge.delivery import Delivery
from localaws.eventbridge.service import EventBridge
from localaws.front_door.ledger import Permission
from localaws.scheduler.service import Scheduler

if TYPE_CHECKING:
    from localaws.world import World

Rows = list[dict[str, Any]]
ACTOR = "localaws"
OWN_ACTOR = f"{MARK}{ACTOR}/"
MOST = 25
"""Rows of each kind, the newest."""


class Data:
    """Reads a world; a service that it doesn't have has nothing to show."""

    def __init__(self, world: World) -> None:
        self._world = world

    def overview(self) -> dict[str, Any]:
        """Everything on the first page, by section."""
        sections: dict[str, tuple[str, Callable[[], Rows]]] = {
            "stacks": ("cloudformation", self.stacks),
            "executions": ("stepfunctions", self.executions),
            "aliases": ("lambda", self.aliases),
            "endpoints": ("sagemaker", self.endpoints),
            "jobs": ("sagemaker", self.jobs),
            "alarms": ("cloudwatch", self.alarms),
            "schedules": ("scheduler", self.schedules),
        }
        there = self._world.services.keys() | DELEGATED
        return {name: read() if service in there else [] for name, (service, read) in sections.items()}

    def stacks(self) -> Rows:
        """Stacks with their outputs and resources."""
        client = self._client("cloudformation")
        found = client.describe_stacks()["Stacks"]
        for stack in found:
            listed = client.describe_stack_resources(StackName=stack["StackName"])
            stack["Resources"] = listed["StackResources"]
        return list(found)

    def executions(self) -> Rows:
        """Executions of every state machine, the newest first, with the states they went through."""
        client = self._client("stepfunctions")
        found: Rows = []
        for machine in client.list_state_machines()["stateMachines"]:
            listed = client.list_executions(stateMachineArn=machine["stateMachineArn"], maxResults=MOST)
            found += [{**each, "machine": machine["name"]} for each in listed["executions"]]
        found.sort(key=lambda each: each["startDate"], reverse=True)
        for each in found[:MOST]:
            each["path"] = [event["name"] for event in self._entered(each["executionArn"])]
        return found[:MOST]

    def execution(self, arn: str) -> dict[str, Any]:
        """One execution with its history."""
        client = self._client("stepfunctions")
        described: dict[str, Any] = client.describe_execution(executionArn=arn)
        pages = client.get_paginator("get_execution_history").paginate(executionArn=arn)
        return {**described, "events": [event for page in pages for event in page["events"]]}

    def _entered(self, arn: str) -> Rows:
        pages = self._client("stepfunctions").get_paginator("get_execution_history")
        events = [e for p in pages.paginate(executionArn=arn, includeExecutionData=False) for e in p["events"]]
        return [e["stateEnteredEventDetails"] for e in events if "stateEnteredEventDetails" in e]

    def aliases(self) -> Rows:
        """Aliases of functions: version, and the version that gets a share of the traffic."""
        client = self._client("lambda")
        found: Rows = []
        for function in client.list_functions()["Functions"]:
            name = function["FunctionName"]
            for alias in client.list_aliases(FunctionName=name)["Aliases"]:
                weights = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
                found.append({**alias, "FunctionName": name, "weights": weights})
        return found

    def endpoints(self) -> Rows:
        """SageMaker's endpoints, the newest first."""
        newest = self._client("sagemaker").list_endpoints(SortBy="CreationTime", SortOrder="Descending")
        return list(newest["Endpoints"])

    def jobs(self) -> Rows:
        """Training and processing jobs, the newest first."""
        client = self._client("sagemaker")
        by_time: dict[str, Any] = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": MOST}
        training = client.list_training_jobs(**by_time)["TrainingJobSummaries"]
        processing = client.list_processing_jobs(**by_time)["ProcessingJobSummaries"]
        found = [
            {"kind": kind, "name": job[f"{kind}JobName"], "status": job[f"{kind}JobStatus"], **job}
            for kind, jobs in (("Training", training), ("Processing", processing))
            for job in jobs
        ]
        return sorted(found, key=lambda job: job["CreationTime"], reverse=True)[:MOST]

    def alarms(self) -> Rows:
        """Alarms of both kinds."""
        kinds = ["MetricAlarm", "CompositeAlarm"]
        found = self._client("cloudwatch").describe_alarms(AlarmTypes=kinds, MaxRecords=100)
        return [*found["MetricAlarms"], *found["CompositeAlarms"]]

    def schedules(self) -> Rows:
        """Schedules and their expressions."""
        client = self._client("scheduler")
        return [
            client.get_schedule(GroupName=each["GroupName"], Name=each["Name"])
            for each in client.list_schedules()["Schedules"]
        ]

    def deliveries(self) -> list[Delivery]:
        """What rules, schedules and alarms have handed to their targets, the newest first."""
        services = self._world.services
        records = []
        if isinstance(bridge := services.get(EventBridge.name), EventBridge):
            records.append(bridge.deliveries.record)
        if isinstance(scheduler := services.get(Scheduler.name), Scheduler):
            records.append(scheduler.deliveries.record)
        if isinstance(watch := services.get(CloudWatch.name), CloudWatch):
            records.append(watch.actions.deliveries.record)
        found = [delivery for record in records for delivery in record.items()]
        return sorted(found, key=lambda delivery: delivery.at, reverse=True)

    def permissions(self, text: str = "") -> list[tuple[Permission, int]]:
        """The permissions used so far (not by this page) and how often; those only that contain a text."""
        return [
            (permission, count)
            for permission, count in sorted(self._world.ledger.used().items())
            if OWN_ACTOR not in permission.principal
            and text.lower() in f"{permission.principal} {permission.action} {permission.resource}".lower()
        ]

    def _client(self, service: str) -> Any:
        return client_as(self._world, ACTOR, service)
