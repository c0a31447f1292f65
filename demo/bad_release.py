"""The demo's last act: a release that every test passes, whose answers turn wrong once users see them.

Nothing fails and nothing is slow, so no alarm can tell. What catches it is the comparison with the champion.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from demo.release import Execution, Step, approval_link, mails
from demo.stack import DemoError, Stack

if TYPE_CHECKING:
    from demo.account import Account
    from demo.checks import Evidence
    from demo.traffic import Answer, Traffic

FACTOR = 3.0
MEMORY = 768
"""Megabytes: the only thing that this release is meant to change."""
SHARE = 0.1
"""Of users' requests that a canary answers, by the policy."""


@dataclass
class BadRelease:
    """The release, and what its users saw."""

    execution: Execution
    mails_before: int
    release_id: str = ""
    described: dict[str, Any] = field(default_factory=dict)
    fault: str = ""
    began: float = 0.0
    """When the first user could see it, in seconds of the monotonic clock."""
    turned_bad: float = 0.0
    ended: float = 0.0
    struck: int = 0
    seen: list[Answer] = field(default_factory=list)
    """Answers that users got from it."""
    asked: int = 0
    """Requests of users in all, from the first that could meet it to the rollback."""


def drop(evidence: Evidence) -> BadRelease:
    """Give the inference function more memory, and ask for a release of that alone: the model stays."""
    stack, known = evidence.stack, len(mails(evidence.stack.aws))
    functions, name = stack.aws.client("lambda"), stack.outputs["PredictFunctionName"]
    functions.update_function_configuration(FunctionName=name, MemorySize=MEMORY)
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    manifest = {"release": "code", "description": "more memory for the inference function"}
    stack.drop("more-memory", {}, manifest)
    execution = Execution.newest(stack, stack.outputs["ReleaseStateMachineArn"], set(evidence.executions))
    evidence.executions[execution.arn] = execution
    return BadRelease(execution, known)


def follow(
    bad: BadRelease, account: Account, evidence: Evidence, traffic: Traffic, approve: Callable[[str], None]
) -> None:
    """Follow the release to its rollback; its endpoint answers wrongly from the moment it gets traffic."""
    stack, execution = evidence.stack, bad.execution

    def told(step: Step) -> None:
        if step.state in ("Test Dev Endpoint", "Create Production Endpoint", "Stop Deployment", "Clean Up"):
            account.line(f"{step.state:<34} {step.seconds:6.1f} s")

    def asked() -> bool:
        for mail in mails(stack.aws)[bad.mails_before :]:
            release_id = evidence.release_id(mail)
            link = approval_link(stack.aws, release_id)
            if link and link not in evidence.links:
                evidence.links.append(link)
                bad.release_id = evidence.releases[execution.arn] = release_id
                approve(link)
        return bool(bad.release_id)

    with account.working("release 3 is under way"):
        execution.follow(told, until=asked)
    if not bad.release_id:
        raise DemoError(f"release 3 ended before anyone was asked: {execution.describe()}")

    def break_it() -> bool:
        if not bad.fault and _weights(stack):
            bad.began = time.monotonic()
            match = {"endpoint": f"*-{bad.release_id}-prod"}
            bad.fault = stack.aws.inject("answer", {"kind": "scale", "factor": FACTOR}, match)
            bad.turned_bad = time.monotonic()
            account.line(
                f"Users meet release 3. From now on its container answers {FACTOR:g} times the right fare, 200 OK"
            )
        elif bad.fault and not bad.ended and not _weights(stack):
            bad.ended = time.monotonic()
        return False

    with account.working("release 3 meets users"):
        bad.described = execution.follow(told, until=break_it)
    if not bad.fault:
        raise DemoError(f"release 3 never got traffic: {bad.described.get('cause')}")
    bad.ended = bad.ended or time.monotonic()
    bad.struck = next(fault["struck"] for fault in stack.aws.faults() if fault["id"] == bad.fault)
    stack.aws.heal(bad.fault)
    answers = traffic.since(bad.began - 1.0)
    bad.seen = [answer for answer in answers if answer.release == bad.release_id]
    bad.asked = sum(answer.at <= bad.ended for answer in answers)


def lines(bad: BadRelease, record: dict[str, Any]) -> list[str]:
    """The evidence, as it was recorded: the metric, by how much, on how many requests, and who saw it."""
    shift = record["shift"]
    told = [f"Caught {bad.ended - bad.turned_bad:.1f} s after it turned bad: {shift['reason']}"]
    told += finding_lines(shift)
    counts = Counter(answer.status for answer in bad.seen)
    told.append(f"  {len(bad.seen)} of {bad.asked} requests meanwhile met release 3, with status {dict(counts)}")
    return told


def finding_lines(shift: dict[str, Any]) -> list[str]:
    """What the analysis measured of each metric, candidate against champion."""
    told = []
    for finding in shift["findings"]:
        estimate = finding["estimate"]
        if estimate is not None:
            figures = f"{float(estimate['candidate']):.3g} against {float(estimate['champion']):.3g}"
            told.append(f"  {finding['metric']}: {estimate['figure']} {figures}")
    return told


def checks(bad: BadRelease, evidence: Evidence, champion: str) -> list[tuple[str, bool]]:
    """What must hold of it, seen in the world."""
    stack, record = evidence.stack, evidence.record(bad.release_id)
    shift = record.get("shift") or {}
    subjects = [str(m.get("subject", "")) for m in mails(stack.aws) if bad.release_id in json.dumps(m)]
    last = [answer.release for answer in evidence.traffic.answers[-20:]] if evidence.traffic else []
    names = [e["EndpointName"] for e in stack.aws.client("sagemaker").list_endpoints()["Endpoints"]]
    ended = f"{bad.described['status']}, {bad.described.get('error')}"
    most = SHARE * bad.asked + 4 * math.sqrt(SHARE * (1 - SHARE) * bad.asked) + 1  # as far as chance takes it
    return [
        (f"Release 3 ended as rolled back ({ended})", bad.described.get("error") == "RolledBack"),
        (
            f"It was the analysis that stopped it, on {shift.get('metric')}",
            shift.get("status") == "fail" and bool(shift.get("metric")) and record["state"] == "RolledBack",
        ),
        (
            f"It was seen by {len(bad.seen)} of {bad.asked} requests, no more than its share, and none of them failed",
            len(bad.seen) <= most and all(answer.status == 200 for answer in bad.seen),
        ),
        ("Release 2 answers everything again", set(last) == {champion}),
        ("Nothing of release 3 is left", not [name for name in names if bad.release_id in name]),
        (f"A person was told: {'; '.join(subjects)}", any("rolled back" in subject for subject in subjects)),
    ]


def _weights(stack: Stack) -> dict[str, float]:
    """Version → share, of whom the alias gives a share to."""
    alias = stack.aws.client("lambda").get_alias(FunctionName=stack.outputs["PredictFunctionName"], Name="live")
    found: dict[str, float] = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return found
