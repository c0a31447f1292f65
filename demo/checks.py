"""What the demo claims, held against the real state of the local AWS, never against what a step said."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from demo import bad_release
from demo.account import Account
from demo.bad_release import BadRelease
from demo.release import Execution, mails, open_page
from demo.stack import DemoError, Stack
from demo.traffic import Traffic

RELEASE_ID = re.compile(r"\b\d{8}-\d{6}-[0-9a-f]{4}\b")


@dataclass
class Evidence:
    """What the demo gathers while it runs."""

    stack: Stack
    executions: dict[str, Execution] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)
    """Execution → its release."""
    links: list[str] = field(default_factory=list)
    monitored: dict[int, dict[str, Any]] = field(default_factory=dict)
    first: Execution | None = None
    second: Execution | None = None
    third: BadRelease | None = None
    traffic: Traffic | None = None
    shares: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    _last_look: float = 0.0

    @staticmethod
    def release_id(mail: dict[str, Any]) -> str:
        """The release that a mail is about."""
        found = RELEASE_ID.search(json.dumps(mail))
        return found.group(0) if found else "no release"

    def id_of(self, execution: Execution) -> str:
        """The release that an execution makes."""
        return self.releases[execution.arn]

    def monitoring_window(self, release_id: str) -> str:
        """The monitor's input: this release, from the demo's beginning to now."""
        start, end = self.began - timedelta(minutes=1), datetime.now(UTC) + timedelta(minutes=1)
        stamp = "%Y-%m-%dT%H:%M:%SZ"
        return json.dumps({"releaseId": release_id, "start": start.strftime(stamp), "end": end.strftime(stamp)})

    def watch_shift(self, account: Account, traffic: Traffic, since: float) -> None:
        """Tell the measured share of answers by release, every two seconds while traffic shifts."""
        now = time.monotonic()
        if now - self._last_look < 2.0:
            return
        recent = traffic.since(max(since, now - 2.0))
        counts = Counter(answer.release for answer in recent if answer.release)
        if recent and len(counts) > 0:
            shares = {release: count / len(recent) for release, count in sorted(counts.items())}
            self.shares.append((now - since, shares))
            previous = self.shares[-2][1] if len(self.shares) > 1 else {}
            if len(shares) > 1 or set(shares) != set(previous):
                told = ", ".join(f"{release} {share:.0%}" for release, share in shares.items())
                account.line(f"  share of the last {len(recent)} answers: {told}")
        self._last_look = now

    def record(self, release_id: str) -> dict[str, Any]:
        """A release's record, from the table."""
        item = self.stack.aws.client("dynamodb").get_item(
            TableName=self.stack.outputs["TableName"],
            Key={"pk": {"S": "RELEASE"}, "sk": {"S": release_id}},
            ConsistentRead=True,
        )["Item"]
        read = TypeDeserializer()
        return {name: read.deserialize(value) for name, value in item.items()}

    def shift_lines(self, release_id: str) -> list[str]:
        """What the analysis found while traffic shifted, for the account; nothing for a release without a champion."""
        shift = self.record(release_id).get("shift")
        if shift is None:
            return []
        live, verdict = shift["live"], f"The analysis says: {shift['status']}. {shift['reason']}"
        counts = f"{live['candidate']} live requests of the candidate, {live['champion']} of the champion"
        lines = [verdict, f"  on {counts}, and {shift['replayed']} captured ones replayed, in {shift['looks']} looks"]
        return [*lines, *bad_release.finding_lines(shift)]

    def hook_failures(self, release_id: str) -> list[str]:
        """What CodeDeploy's hooks found wrong with a release."""
        checks = (self.record(release_id).get(name) or {} for name in ("versionCheck", "trafficCheck"))
        return [str(failure) for check in checks for failure in check.get("failures", [])]

    def report(self, number: int, file: str) -> dict[str, Any]:
        """A file that the monitor wrote for release `number`, read from S3."""
        output = json.loads(self.monitored[number]["output"])["output"]
        bucket, _, prefix = output.removeprefix("s3://").partition("/")
        body = self.stack.aws.client("s3").get_object(Bucket=bucket, Key=f"{prefix}/{file}")["Body"].read()
        found: dict[str, Any] = json.loads(body)
        return found

    def drifted(self, number: int) -> dict[str, str]:
        """Feature → description of the drift found in release `number`'s traffic."""
        violations = self.report(number, "constraint_violations.json")["violations"]
        return {
            v["feature_name"]: v["description"]
            for v in violations
            if v["constraint_check_type"] == "baseline_drift_check"
        }

    def drift_lines(self, number: int) -> list[str]:
        """What the monitor found, in words."""
        count = self.report(number, "statistics.json")["dataset"]["item_count"]
        drifted = self.drifted(number)
        lines = [f"Release {number}: {count} captured requests, {len(drifted)} drifted features"]
        return lines + [f"  {feature}: {description}" for feature, description in drifted.items()]


def check_everything(account: Account, evidence: Evidence) -> bool:
    """Look at the local AWS and say what holds. True only when all of it does."""
    results = [
        (text, holds)
        for group in (_releases, _serving, _left_behind, _shares, _bad_release, _drift, _people)
        for text, holds in group(evidence)
    ]
    for text, holds in results:
        account.line(text, good=holds)
    return all(holds for _, holds in results)


def _releases(evidence: Evidence) -> list[tuple[str, bool]]:
    """Both releases: record, model package, metrics."""
    stack, found = evidence.stack, []
    s3, artifacts = stack.aws.client("s3"), stack.outputs["ArtifactBucketName"]
    for number, execution in enumerate((evidence.first, evidence.second), start=1):
        release = evidence.id_of(_present(execution))
        body = s3.get_object(Bucket=artifacts, Key=f"releases/{release}/evaluation/evaluation.json")["Body"].read()
        metrics = json.loads(body)["metrics"]
        champion = metrics.get("champion")
        versus = f", champion {_short(champion)}" if champion else ", no champion"
        found.append((f"Release {number} is {release}: candidate {_short(metrics['candidate'])}{versus}", True))
        if number == 2:
            better = champion is not None and metrics["candidate"]["rmse"] < champion["rmse"]
            found.append(("On the same held-back trips of 2019, release 2 has the smaller error", better))
        report = json.loads(
            s3.get_object(Bucket=artifacts, Key=f"releases/{release}/data/report/report.json")["Body"].read()
        )
        reasons = sorted(report["refusedByReason"].items(), key=lambda item: -item[1])[:3]
        told = ", ".join(f"{reason} ({count})" for reason, count in reasons)
        found.append(
            (
                f"  {report['rowsRead']} rows read, {report['rowsRefused']} refused: {told}",
                report["rowsAccepted"] > 0,
            )
        )
    packages = stack.aws.client("sagemaker").list_model_packages(ModelPackageGroupName="taxi-fare")
    states = [package["ModelApprovalStatus"] for package in packages["ModelPackageSummaryList"]]
    found.append((f"The model registry holds {len(states)} approved packages", states == ["Approved"] * 2))
    return found


def _serving(evidence: Evidence) -> list[tuple[str, bool]]:
    """The alias, the version, the endpoint behind it."""
    stack = evidence.stack
    functions, sagemaker = stack.aws.client("lambda"), stack.aws.client("sagemaker")
    name = stack.outputs["PredictFunctionName"]
    alias = functions.get_alias(FunctionName=name, Name="live")
    version = functions.get_function_configuration(FunctionName=name, Qualifier=alias["FunctionVersion"])
    variables = version["Environment"]["Variables"]
    second = evidence.id_of(_present(evidence.second))
    endpoint = sagemaker.describe_endpoint(EndpointName=variables["ENDPOINT_NAME"])
    shift = evidence.record(second)["shift"]
    target = stack.aws.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
    watched = [t["ResourceId"] for t in target["ScalableTargets"]]
    schedules = stack.aws.client("scheduler").list_schedules(GroupName=f"{stack.name}-monitor")["Schedules"]
    return [
        (
            f"Alias live is version {alias['FunctionVersion']} alone, of release {variables['RELEASE_ID']}",
            variables["RELEASE_ID"] == second
            and not (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights"),
        ),
        (
            f"Endpoint {endpoint['EndpointName']} is {endpoint['EndpointStatus']} and captures its data",
            endpoint["EndpointStatus"] == "InService" and endpoint["DataCaptureConfig"]["EnableCapture"],
        ),
        (
            f"The analysis had passed it on {shift['candidateRequests']} requests before it got all traffic",
            shift["status"] == "pass" and "passed" in shift,
        ),
        (
            "It scales with traffic",
            watched == [f"endpoint/{endpoint['EndpointName']}/variant/AllTraffic"],
        ),
        (
            "It alone is monitored every hour",
            [s["Name"] for s in schedules] == [f"taxi-fare-{second}-monitor"],
        ),
    ]


def _left_behind(evidence: Evidence) -> list[tuple[str, bool]]:
    """Dev endpoints, the predecessor, the lock."""
    stack = evidence.stack
    second = evidence.id_of(_present(evidence.second))
    sagemaker = stack.aws.client("sagemaker")
    endpoints = [e["EndpointName"] for e in sagemaker.list_endpoints()["Endpoints"]]
    configs = [c["EndpointConfigName"] for c in sagemaker.list_endpoint_configs()["EndpointConfigs"]]
    models = [m["ModelName"] for m in sagemaker.list_models()["Models"]]
    table = stack.aws.client("dynamodb")
    lock = table.get_item(
        TableName=stack.outputs["TableName"],
        Key={"pk": {"S": "LOCK"}, "sk": {"S": "production"}},
        ConsistentRead=True,
    ).get("Item", {})
    expected = f"taxi-fare-{second}"
    return [
        ("No dev endpoint and no predecessor is left", endpoints == [f"{expected}-prod"]),
        (
            "No endpoint config and no model of theirs either",
            configs == [f"{expected}-prod"] and models == [expected],
        ),
        ("The release lock is free", not lock or not lock.get("holder", {}).get("S")),
    ]


def _shares(evidence: Evidence) -> list[tuple[str, bool]]:
    """How traffic moved, as callers saw it, and as Lambda counted it."""
    traffic = evidence.traffic
    if traffic is None:
        raise DemoError("there was no traffic")
    first, second = evidence.id_of(_present(evidence.first)), evidence.id_of(_present(evidence.second))
    failed = [a for a in traffic.answers if a.status != 200]
    canary = [s.get(second, 0.0) for _, s in evidence.shares if 0 < s.get(second, 0.0) < 1]
    last = [a.release for a in traffic.answers[-20:]]
    mean = sum(canary) / len(canary) if canary else 0.0
    milliseconds = sorted(a.milliseconds for a in traffic.answers)
    p50, p99 = (milliseconds[int(len(milliseconds) * q)] for q in (0.5, 0.99))
    counts = Counter(a.release for a in traffic.answers)
    return [
        (f"Not one of {len(traffic.answers)} requests failed", not failed),
        (f"Answers by release: {dict(counts)}", {first, second} <= set(counts) <= {first, second, *_bad(evidence)}),
        (
            f"While the canary was watched, release 2 answered {mean:.0%} (10% was asked)",
            0.02 <= mean <= 0.30,
        ),
        ("Afterwards release 2 answered everything", set(last) == {second}),
        (f"Latency seen by callers: median {p50:.0f} ms, slowest percent {p99:.0f} ms", True),
    ]


def _bad_release(evidence: Evidence) -> list[tuple[str, bool]]:
    """The third release: caught, rolled back, gone."""
    if evidence.third is None:
        raise DemoError("release 3 is missing")
    return bad_release.checks(evidence.third, evidence, evidence.id_of(_present(evidence.second)))


def _drift(evidence: Evidence) -> list[tuple[str, bool]]:
    """The surcharge of February 2019 against the world of 2018."""
    first, second = evidence.drifted(1), evidence.drifted(2)
    return [
        (
            "The monitor reports the congestion surcharge as drift of release 1's world",
            "congestion_surcharge" in first,
        ),
        ("It reports no such drift of release 2's", "congestion_surcharge" not in second),
    ]


def _people(evidence: Evidence) -> list[tuple[str, bool]]:
    """Who was told what; that a link is spent."""
    found = mails(evidence.stack.aws)
    subjects = [str(mail.get("subject", "")) for mail in found]
    first, second = evidence.id_of(_present(evidence.first)), evidence.id_of(_present(evidence.second))
    status, page, _ = open_page(evidence.links[0])
    table = evidence.stack.aws.client("dynamodb").scan(TableName=evidence.stack.outputs["TableName"])["Items"]
    secrets = [link.split("key=", 1)[1] for link in evidence.links]
    return [
        (
            f"{len(found)} mails: {'; '.join(subjects)}",
            all(any(r in json.dumps(mail) for mail in found) for r in (first, second)),
        ),
        ("A spent link shows the decision and no form", status == 200 and "<form" not in page),
        ("No link's secret is in the table", not any(s in json.dumps(table, default=str) for s in secrets)),
    ]


def _bad(evidence: Evidence) -> set[str]:
    return {evidence.third.release_id} if evidence.third else set()


def _short(metrics: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in metrics.items() if name in ("rmse", "mae", "r2"))


def _present(execution: Execution | None) -> Execution:
    if execution is None:
        raise DemoError("a release is missing")
    return execution
