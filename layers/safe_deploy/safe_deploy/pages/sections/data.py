"""What the candidate was trained on: the drop, what was refused of it, and how far it is from the champion's data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.domain.figures import UNKNOWN, count, figure, is_known, percent
from safe_deploy.domain.manifest import CODE
from safe_deploy.domain.training_drift import is_distance
from safe_deploy.pages.html import code, escape, facts, folded, heading, paragraph, section, table, unknown
from safe_deploy.pages.plots import Bar, bars
from safe_deploy.pages.plots import figure as plot

SHOWN = 12
SPLITS = ("train", "validation", "test")


def render(evidence: Mapping[str, Any], anchor: str, title: str) -> str:
    """Return the section."""
    data = evidence["data"]
    manifest = data["manifest"]
    drop = f"s3://{data['drop']['bucket']}/{data['drop']['key']}"
    is_code_only = evidence.get("kind") == CODE
    entries = [
        ("Drop", code(drop)),
        ("S3 version of the drop", code(data["drop"].get("versionId") or UNKNOWN)),
        ("Description", escape(manifest.get("description") or "none given")),
        ("Asked for by", escape(manifest.get("requestedBy") or "unknown")),
        ("Rows", escape(_rows(data))),
        (
            "Split",
            escape(", ".join(f"{count(data['split'][name])} {name}" for name in sorted(data["split"], key=_order))),
        ),
    ]
    files = [[file["name"], count(file["rows"])] for file in data["files"]]
    return section(
        anchor,
        title,
        paragraph("No new data: this is what the model was trained on.") if is_code_only else "",
        facts(entries),
        _refused(data),
        folded(f"Files ({len(files)})", table(["File", "Rows"], files)),
        "" if is_code_only else _drift(evidence),
    )


def _rows(data: Mapping[str, Any]) -> str:
    return f"{count(data['rowsAccepted'])} of {count(data['rowsRead'])} used, {count(data['rowsRefused'])} refused"


def _order(split: str) -> tuple[int, str]:
    return (SPLITS.index(split) if split in SPLITS else len(SPLITS), split)


def _refused(data: Mapping[str, Any]) -> str:
    reasons = sorted(data["refusedByReason"].items(), key=lambda entry: (-entry[1], entry[0]))
    if not reasons:
        return paragraph("No row was refused.") if data["rowsRefused"] == 0 else unknown("Why rows were refused")
    read = data["rowsRead"] or 1
    rows = [[reason, count(rows), percent(rows / read)] for reason, rows in reasons]
    return heading("Why rows were refused") + table(["Reason", "Rows", "Of all rows"], rows)


def _drift(evidence: Mapping[str, Any]) -> str:
    head = heading("Drift of the training data from the champion's")
    drift = evidence.get("drift")
    if evidence["champion"] is None:
        return head + paragraph("There is no champion, so there is nothing to drift from.")
    if not drift:
        return head + unknown("How far the new training data are from the champion's")
    features, threshold = drift["features"], drift["threshold"]
    beyond = [entry for entry in features if entry["distance"] > threshold]
    are = "is" if len(beyond) == 1 else "are"
    words = f"{len(beyond)} of {len(features)} features {are} beyond the policy's threshold of {threshold:g}."
    if beyond:
        words += " The candidate has learned from other data than the champion; is that what you expect?"
    rows = [
        Bar(entry["name"], _distance(entry), entry["distance"], "worse" if entry["distance"] > threshold else "same")
        for entry in features[:SHOWN]
    ]
    drawn = bars("plot-drift", "Distance of each feature from the champion's", rows, (threshold, "threshold"))
    more = f" The farthest {SHOWN} of {len(features)}." if len(features) > SHOWN else ""
    caption = (
        f"Largest gap between the cumulated distributions, 0 to 1 ({drift['method']}); then the mean of the "
        f"champion's training data → of the new. {count(drift['rows'])} new rows.{more}"
    )
    return head + paragraph(words) + (plot(drawn, caption) if rows else "") + _violations(evidence, drift)


def _violations(evidence: Mapping[str, Any], drift: Mapping[str, Any]) -> str:
    """Return what the plot doesn't tell, and how much of it there is in all."""
    kept = drift["violations"]
    listed = [[entry["feature"], entry["description"]] for entry in kept if not is_distance(entry)]
    found = table(["Feature", "What"], listed, words=(1,)) if listed else ""
    in_all = drift.get("violationsInAll")
    if not is_known(in_all):
        found += unknown("How many differences there are in all")
    elif in_all > len(kept):
        place = (evidence.get("uris") or {}).get("baseline")
        where = f" All of them: {place}/constraint_violations.json" if place else ""
        found += paragraph(
            f"{count(in_all)} differences in all, distances beyond the threshold included; the first {len(kept)} are "
            f"in the evidence.{where}",
            "soft small",
        )
    return heading("Other differences from the champion's constraints") + found if found else ""


def _distance(entry: Mapping[str, Any]) -> str:
    if entry["mean"] is None or entry["championMean"] is None:
        return figure(entry["distance"])
    return f"{figure(entry['distance'])} · {figure(entry['championMean'])} → {figure(entry['mean'])}"
