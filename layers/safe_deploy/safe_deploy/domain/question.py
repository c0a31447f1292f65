"""What people are asked about a release, as plain text without a link. Used by ask_for_approval.

It is kept in the release's record, beside the digest of the evidence, for those who decide from the terminal. What the
lists hold stands in front of what nobody may miss: warnings, the deadline, and whose yes it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from safe_deploy.domain import notices
from safe_deploy.domain.decision import Rule
from safe_deploy.domain.essence import JUDGEMENTS, WORSE, limit_words, metric_names
from safe_deploy.domain.figures import SPACE, count, figure, is_known, percent, relative, span
from safe_deploy.domain.manifest import CODE
from safe_deploy.domain.training_drift import is_distance

LISTED = 50
"""How many entries a list shows; a policy has as many gates at most."""
LINE_LIMIT = 200
TEXT_LIMIT = 100_000
"""A record may have 400 KB. Lists and lines are bounded, and so is the manifest: this is never reached."""


def question(model_name: str, evidence: Mapping[str, Any], deadline: str, rule: Rule) -> str:
    """Return the question."""
    manifest = evidence["data"]["manifest"]
    paragraphs = (
        *notices.essence_words(model_name, evidence),
        *_lists(evidence),
        f"Asked for by {manifest['requestedBy'] or 'unknown'}: "
        f"{notices.quoted(manifest['description'] or 'no description given')}",
        *notices.warning_words(manifest),
        f"Decide until {deadline}. {rule.words}",
        f"Evidence: {notices.digest_words(evidence)}",
    )
    text = "\n\n".join(paragraph.strip() for paragraph in paragraphs if paragraph.strip())
    return text[:TEXT_LIMIT]


def _lists(evidence: Mapping[str, Any]) -> tuple[str, ...]:
    data, is_code_only = evidence["data"], evidence["kind"] == CODE
    when = ", when the model was trained" if is_code_only else ""
    reasons = sorted(data["refusedByReason"].items(), key=lambda entry: (-entry[1], entry[0]))
    return (
        _list(
            f"Metrics, on {count(evidence['testRows'])} test rows{when}, with 95{SPACE}% intervals:",
            [_metric(name, evidence) for name in metric_names(evidence)],
        ),
        _list("Clearly worse slices:", [_slice(entry) for entry in _worse_slices(evidence)]),
        _list("Gates of the policy:", [_gate(rule) for rule in evidence["gates"].get("rules") or []]),
        _list("Why rows were refused:", [f"{reason}: {count(rows)}" for reason, rows in reasons]),
        "" if is_code_only else _drift(evidence),
        _list("What differs of the inference code:", evidence["inference"]["differences"]),
        _replay(evidence["devTest"]["replay"]),
    )


def _list(head: str, entries: Sequence[str]) -> str:
    lines = [f"- {entry if len(entry) <= LINE_LIMIT else f'{entry[:LINE_LIMIT]}…'}" for entry in entries[:LISTED]]
    if len(entries) > LISTED:
        lines.append(f"and {len(entries) - LISTED} more, which the evidence lists")
    return "\n".join([head, *lines]) if entries else ""


def _metric(name: str, evidence: Mapping[str, Any]) -> str:
    value = evidence["candidate"]["metrics"].get(name)
    champion = ((evidence["champion"] or {}).get("metrics") or {}).get(name)
    found = ((evidence["comparison"] or {}).get("metrics") or {}).get(name)
    if found is None:
        other = "" if champion is None or evidence["kind"] == CODE else f"; champion {figure(champion)}"
        return f"{name}: {figure(value)}{other}"
    words = f"{name}: {figure(value)} ({span(found['candidate'])})"
    if found["difference"]:
        words += (
            f"; champion {figure(champion)} ({span(found['champion'])}); difference "
            f"{figure(found['difference']['value'])} ({span(found['difference'])}): {JUDGEMENTS[found['verdict']]}"
        )
    return words


def _worse_slices(evidence: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [entry for entry in (evidence["comparison"] or {}).get("slices") or [] if entry["verdict"] == WORSE]


def _slice(entry: Mapping[str, Any]) -> str:
    candidate, champion = entry["candidate"] or {}, entry["champion"] or {}
    change = relative(entry["difference"], champion.get("value"))
    by = f", {percent(change['value'], signed=True)}" if change else ""
    return (
        f"{entry['slice']} {entry['value']}: {figure(candidate.get('value'))}, "
        f"champion {figure(champion.get('value'))}{by}, on {count(entry['rows'])} rows"
    )


def _gate(rule: Mapping[str, Any]) -> str:
    return f"{rule['metric']} {limit_words(rule)}: {figure(rule['found'])}, {rule['failure'] or 'kept'}"


def _drift(evidence: Mapping[str, Any]) -> str:
    if evidence["champion"] is None:
        return ""
    drift = evidence["drift"]
    if not drift:
        return "How far the training data are from the champion's is unknown."
    beyond = [entry for entry in drift["features"] if entry["distance"] > drift["threshold"]]
    others = [entry for entry in drift["violations"] if not is_distance(entry)]
    head = (
        f"Drift of the training data from the champion's: {len(beyond)} of {len(drift['features'])} features beyond "
        f"the policy's threshold of {drift['threshold']:g}."
    )
    if is_known(in_all := drift.get("violationsInAll")) and in_all > len(drift["violations"]):
        head += f" Of {count(in_all)} differences the evidence has the first {len(drift['violations'])}."
    lines = [
        *(f"{entry['name']}: {figure(entry['distance'])}" for entry in beyond),
        *(f"{entry['feature']}: {entry['description']}" for entry in others),
    ]
    return _list(head, lines) or head


def _replay(replay: Mapping[str, Any]) -> str:
    if not replay["rows"]:
        return "Nothing was replayed: no traffic of the champion was captured in the last 24 hours."
    words = (
        f"Replayed {count(replay['rows'])} rows that the champion was asked: mean answer "
        f"{figure(replay['candidateMean'])}, the champion's {figure(replay['championMean'])}; mean distance "
        f"{figure(replay['meanDistance'])}, largest {figure(replay['largestDistance'])}"
    )
    shift = replay.get("largestShift")
    return f"{words}; shifted by {figure(shift)} standard deviations at most." if is_known(shift) else f"{words}."
