"""The evidence in one verdict and three numbers. Used by the mail and by the head of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safe_deploy.domain.figures import SPACE, UNKNOWN, count, figure, is_known, percent, relative, span
from safe_deploy.domain.manifest import CODE

CODE_ONLY, FIRST, INCOMPARABLE = "code", "first", "incomparable"
BETTER, WORSE, MIXED, SAME = "better", "worse", "mixed", "same"
WORDS = {
    CODE_ONLY: "Inference code alone changes; the model stays",
    FIRST: "The first model: there is no champion to compare with",
    INCOMPARABLE: "The champion can't be compared",
    BETTER: "Better than the champion",
    WORSE: "Worse than the champion, within the policy's gates",
    MIXED: "Better than the champion in some metrics, worse in others",
    SAME: "No clear difference from the champion",
    UNKNOWN: "How sure the difference from the champion is, is unknown",
}
JUDGEMENTS = {BETTER: "better", WORSE: "worse", SAME: "no clear difference", UNKNOWN: "not judged"}
"""What is said of one metric or slice."""
ROWS = "count"
"""As model/metrics.py calls the number of rows."""
LIMITS = {"atMost": "at most", "atLeast": "at least"}


@dataclass(frozen=True, slots=True)
class Number:
    """One of the three numbers."""

    label: str
    value: str
    detail: str


@dataclass(frozen=True, slots=True)
class Essence:
    """What matters most of some evidence."""

    kind: str
    verdict: str
    slices: str
    """How many slices are worse, in words; empty when there are none."""
    numbers: tuple[Number, Number, Number]


def essence(evidence: Mapping[str, Any]) -> Essence:
    """Return the essence of some evidence."""
    kind = _kind(evidence)
    return Essence(kind, WORDS[kind], slice_words(evidence), (_quality(evidence), _data(evidence), _speed(evidence)))


def primary_metric(evidence: Mapping[str, Any]) -> str | None:
    """Return the metric that the first gate names: the one that matters most to the user."""
    rules = evidence["gates"].get("rules") or []
    if rules:
        return str(rules[0]["metric"])
    return next(iter(sorted(evidence["candidate"]["metrics"])), None)


def metric_names(evidence: Mapping[str, Any]) -> list[str]:
    """Return the metrics in the order of the gates, then by name; without what only counts the test rows again."""
    gated = [str(rule["metric"]) for rule in evidence["gates"].get("rules") or []]
    names = dict.fromkeys([*gated, *sorted(evidence["candidate"]["metrics"])])
    return [name for name in names if not _is_rows(name, evidence)]


def limit_words(rule: Mapping[str, Any]) -> str:
    """Return what a gate asks of its metric."""
    if rule["limit"] in LIMITS:
        return f"{LIMITS[rule['limit']]} {figure(rule['value'])}"
    words = f"at most {percent(rule['value'])} worse than the champion"
    return f"{words} ({figure(rule['champion'])})" if is_known(rule["champion"]) else f"{words}; none was measured"


def slice_words(evidence: Mapping[str, Any]) -> str:
    """Return how many slices are clearly worse than the champion."""
    slices = (evidence.get("comparison") or {}).get("slices") or []
    judged = [entry for entry in slices if entry["verdict"] != UNKNOWN]
    worse = [entry for entry in judged if entry["verdict"] == WORSE]
    if not judged:
        return ""
    if not worse:
        return f"None of {len(judged)} slices is clearly worse."
    first = worse[0]
    share = relative(first["difference"], (first["champion"] or {}).get("value"))
    by = f" ({percent(share['value'], signed=True)})" if share else ""
    return f"Clearly worse in {len(worse)} of {len(judged)} slices, most in {first['slice']} {first['value']}{by}."


def _kind(evidence: Mapping[str, Any]) -> str:
    if evidence.get("kind") == CODE:
        return CODE_ONLY
    if evidence["champion"] is None:
        return FIRST
    if evidence["championObstacle"]:
        return INCOMPARABLE
    metrics = (evidence.get("comparison") or {}).get("metrics") or {}
    verdicts = {entry["verdict"] for entry in metrics.values()}
    if BETTER in verdicts and WORSE in verdicts:
        return MIXED
    for kind in (WORSE, BETTER, SAME):
        if kind in verdicts:
            return kind
    return UNKNOWN


def _quality(evidence: Mapping[str, Any]) -> Number:
    name = primary_metric(evidence)
    if name is None:
        return Number("Quality", UNKNOWN, "no metric was measured")
    value = evidence["candidate"]["metrics"].get(name)
    champion = ((evidence["champion"] or {}).get("metrics") or {}).get(name)
    compared = ((evidence.get("comparison") or {}).get("metrics") or {}).get(name) or {}
    if evidence.get("kind") == CODE:
        return Number(name, figure(value), "measured when the model was trained")
    if champion is None:
        return Number(name, figure(value), f"95{SPACE}% interval {span(compared.get('candidate'))}")
    change = relative(compared.get("difference") or _plain_difference(value, champion), champion)
    words = f"champion {figure(champion)}"
    if change:
        words += f", {percent(change['value'], signed=True)}"
        if is_known(change["low"]) and is_known(change["high"]):
            ends = f"{percent(change['low'], signed=True)} to {percent(change['high'], signed=True)}"
            words += f" (95{SPACE}% interval {ends})"
    return Number(name, figure(value), words)


def _plain_difference(value: Any, champion: Any) -> dict[str, Any] | None:
    return {"value": value - champion, "low": None, "high": None} if is_known(value) and is_known(champion) else None


def _data(evidence: Mapping[str, Any]) -> Number:
    data = evidence["data"]
    read, refused = data["rowsRead"], data["rowsRefused"]
    share = percent(refused / read) if read else UNKNOWN
    return Number("Rows used", count(data["rowsAccepted"]), f"of {count(read)}; {count(refused)} refused ({share})")


def _speed(evidence: Mapping[str, Any]) -> Number:
    test = evidence["devTest"]
    slowest = test["latencyMilliseconds"]["p99"]
    limit = test.get("limitMilliseconds")
    detail = "99th percentile for one row on the dev endpoint"
    if is_known(limit):
        detail += f"; limit {figure(limit)} ms"
    return Number("Latency", f"{figure(slowest)} ms" if is_known(slowest) else UNKNOWN, detail)


def _is_rows(name: str, evidence: Mapping[str, Any]) -> bool:
    """Return whether a metric only says again how many test rows there were: no policy judges that."""
    value = evidence["candidate"]["metrics"].get(name)
    return name == ROWS and name not in (evidence.get("better") or {}) and value == evidence["testRows"]
