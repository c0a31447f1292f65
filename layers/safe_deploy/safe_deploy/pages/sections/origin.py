"""What exactly is decided about: versions, digests, places, executions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.domain.console import execution_url, sagemaker_url
from safe_deploy.pages.html import code, escape, facts, folded, link, paragraph, section

TITLE = "What you decide about"
JOBS = (
    ("prepareJob", "processing-jobs", "Prepare"),
    ("trainingJob", "jobs", "Train"),
    ("baselineJob", "processing-jobs", "Baseline"),
    ("evaluationJob", "processing-jobs", "Evaluate"),
    ("devEndpoint", "endpoints", "Dev endpoint"),
)


def render(evidence: Mapping[str, Any], digest: str) -> str:
    """Return the section. `digest` is the evidence's, which the decision signs."""
    champion, candidate = evidence["champion"], evidence["candidate"]
    execution = evidence.get("execution") or ""
    entries = [
        ("Release", code(candidate["releaseId"])),
        ("Champion", code(champion["releaseId"]) if champion else "none"),
        ("Execution", _linked(execution_url(execution), execution)),
        ("Jobs and endpoint", _jobs(evidence, execution)),
        ("Model", code(candidate["model"]["url"])),
        ("Live version", code(evidence["liveVersion"])),
        ("Code of model and jobs", code(evidence["code"]["digest"])),
        ("Inference code", code(((evidence.get("inference") or {}).get("new") or {}).get("code", "unknown"))),
        ("Data", code(evidence["data"]["digest"])),
        ("Policy", code(evidence["code"]["policyDigest"])),
        ("Contract", code(evidence["code"]["contractDigest"])),
        ("Evidence", code(digest)),
    ]
    parameters = [(name, code(value)) for name, value in sorted(evidence["hyperparameters"].items())]
    return section(
        "origin",
        TITLE,
        paragraph("Your decision is about exactly this. If production changes before it is carried out, it is void."),
        facts(entries),
        folded(f"Hyperparameters ({len(parameters)})", facts(parameters)),
    )


def _linked(url: str | None, arn: str) -> str:
    if not arn:
        return "unknown"
    return link(url, arn) if url else code(arn)


def _jobs(evidence: Mapping[str, Any], execution: str) -> str:
    names = evidence.get("names") or {}
    found = [
        (words, names[key], sagemaker_url(execution, kind, names[key])) for key, kind, words in JOBS if names.get(key)
    ]
    parts = [link(url, words) if url else f"{escape(words)} {code(name)}" for words, name, url in found]
    return " · ".join(parts) or "unknown"
