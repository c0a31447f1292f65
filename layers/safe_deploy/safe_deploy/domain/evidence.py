"""What a person's yes is about: gathered, spelled one way, digested. Used around the approval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safe_deploy.domain.canonical import canonical, digest
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.gates import Evaluation, explain
from safe_deploy.domain.manifest import CODE
from safe_deploy.domain.ports import Objects
from safe_deploy.domain.release import Release
from safe_deploy.domain.training_drift import read_drift


@dataclass(frozen=True, slots=True)
class Report:
    """report.json: what the prepare job read and refused."""

    content: dict[str, Any]

    @classmethod
    def parse(cls, document: Any) -> Report:
        """Read report.json. Raises InvalidRequestError, naming the key that is wrong."""
        given = Fields(document, "report.json")
        counts = {
            key: given.integer(key, minimum=0, maximum=10**15) for key in ("rowsRead", "rowsAccepted", "rowsRefused")
        }
        reasons = given.object("refusedByReason")
        files = [
            {
                "name": entry.text("name"),
                "sha256": entry.text("sha256"),
                "rows": entry.integer("rows", minimum=0, maximum=10**15),
            }
            for entry in given.objects("files")
        ]
        split = given.object("split")
        return cls(
            {
                **counts,
                "refusedByReason": {key: reasons.integer(key, minimum=0, maximum=10**15) for key in reasons},
                "files": files,
                "split": {key: split.integer(key, minimum=0, maximum=10**15) for key in split},
            }
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """Candidate, champion, data, code and tests of a release, as one JSON document."""

    content: dict[str, Any]

    @property
    def digest(self) -> str:
        """Return the SHA-256 that an approval binds to."""
        return digest(self.content)

    @property
    def text(self) -> bytes:
        """Return the bytes that are kept in S3, of which `digest` is the SHA-256."""
        return canonical(self.content)


def gather(release: Release, objects: Objects) -> Evidence:
    """Collect the evidence from the record and, afresh, from the files that the jobs left.

    Raises InvalidRequestError when a step hasn't run or a file is wrong, NotFoundError when a file is gone.
    """
    evaluation = Evaluation.parse(objects.read_json(release.place("evaluation", "evaluation.json")))
    if release.is_code_only:
        evaluation = evaluation.of_the_champion()
    report = Report.parse(objects.read_json(release.place("data", "report", "report.json")))
    artifact = objects.describe(str(release.section("modelDataUrl")))
    gates, dev_test = release.section("gates"), release.section("devTest")
    metrics, policy = evaluation.to_output(), release.policy
    champion = release.champion
    return Evidence(
        {
            "version": 3,
            "kind": release.kind,
            "candidate": {
                "releaseId": release.release_id,
                "trainedBy": release.trained_by,
                "model": {"url": artifact.uri, "etag": artifact.etag, "size": artifact.size},
                "metrics": metrics["candidate"],
            },
            "champion": None if champion is None else {**champion.to_output(), "metrics": metrics["champion"]},
            "liveVersion": release.live_version,
            "testRows": evaluation.test_rows,
            "championObstacle": evaluation.champion_obstacle,
            "comparison": evaluation.comparison,
            "gates": {
                "passed": gates["passed"],
                "failures": list(gates["failures"]),
                "rules": explain(evaluation, policy),
            },
            "better": dict(policy.better),
            "data": {
                "drop": dict(release.section("drop")),
                "manifest": release.section("manifest"),
                "digest": release.section("dataDigest"),
                **report.content,
            },
            "drift": None if release.is_code_only else read_drift(release, objects),
            "code": {
                "digest": release.section("codeDigest"),
                "contractDigest": release.section("contractDigest"),
                "policyDigest": release.section("policyDigest"),
            },
            "hyperparameters": release.section("hyperparameters"),
            "inference": dev_test["inference"],
            "devTest": {
                **{key: dev_test[key] for key in ("passed", "failures", "latencyMilliseconds", "replay")},
                "goldenRows": dev_test.get("goldenRows"),
                "limitMilliseconds": policy.maximum_latency,
            },
            "hosting": release.item.get("hosting"),
            "prices": {
                "currency": policy.prices.currency,
                "perInstanceHour": dict(policy.prices.per_hour),
                "source": policy.prices.source,
            },
            "graceMinutes": policy.grace_minutes,
            "execution": release.execution_arn,
            "names": dict(release.section("names")),
            "strategy": release.section("strategy"),
            "canary": policy.canary.to_output(),
            "chances": {"falseAlarm": policy.canary.analysis.alpha, "falsePass": policy.canary.analysis.unproven},
            "uris": dict(release.section("uris")),
        }
    )


def inference_words(evidence: Mapping[str, Any]) -> str:
    """Return one sentence about what this release does to the inference code."""
    found = evidence["inference"]
    if evidence["kind"] == CODE:
        return (
            "This release changes the inference code alone; the model stays that of release "
            f"{evidence['candidate']['trainedBy']}."
        )
    if found["differences"]:
        return (
            "The inference code or its settings have changed too: with the new model, what was deployed since the "
            "last release goes live."
        )
    return "The inference code stays as it serves." if found["live"] else "No inference code serves a model yet."


def comparison_words(comparison: Mapping[str, Any]) -> str:
    """Return how the live version answered the same golden rows."""
    if "failure" in comparison:
        return f"The live version couldn't answer the golden rows to compare with: {comparison['failure']}"
    rows = f"{comparison['rows']:,} golden rows"
    if comparison["identical"]:
        return f"Both versions answer the {rows} identically, in JSON and in CSV."
    if not comparison["differing"]:
        return f"Both versions give the {rows} the same scores, but word their answers differently."
    return f"{comparison['differing']:,} of the {rows} score differently, by {comparison['largestDistance']:g} at most."
