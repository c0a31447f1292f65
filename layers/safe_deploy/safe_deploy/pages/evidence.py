"""The evidence as a person reads it. Used by the approval page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.domain.manifest import CODE
from safe_deploy.domain.shift.strategy import in_words
from safe_deploy.pages.inference import inference_section
from safe_deploy.pages.layout import escape, table


def evidence_sections(evidence: Mapping[str, Any], digest: str) -> str:
    """Return the sections about code, metrics, data, dev test and origin; code first where it alone changes."""
    parts = [_metrics(evidence), _data(evidence), _dev_test(evidence), _origin(evidence, digest)]
    parts.insert(0 if evidence["kind"] == CODE else 1, inference_section(evidence))
    return "\n".join((_break_glass(evidence), _acknowledged(evidence), *parts))


def _break_glass(evidence: Mapping[str, Any]) -> str:
    manifest = evidence["data"]["manifest"]
    glass = manifest["breakGlass"]
    if not glass:
        return ""
    words = (
        f"{manifest['requestedBy']} wants traffic to shift even if the alarms on what is live fire. "
        "The candidate's own alarms will still roll it back."
    )
    return (
        f'<div class="panel problem"><h2>Break glass</h2>\n<p>{escape(words)}</p>\n'
        f"<p>Reason: {escape(glass['reason'])}</p></div>"
    )


def _acknowledged(evidence: Mapping[str, Any]) -> str:
    known = evidence["data"]["manifest"].get("acknowledge")
    if not known:
        return ""
    words = "Production was changed by hand. Whoever asks for this release knows, and builds on it all the same:"
    return f'<div class="panel problem"><h2>Changed by hand</h2>\n<p>{words} {escape(", ".join(known))}</p></div>'


def _metrics(evidence: Mapping[str, Any]) -> str:
    champion = evidence["champion"]
    candidate, measured = evidence["candidate"]["metrics"], (champion or {}).get("metrics") or {}
    rows = []
    for name in sorted(candidate):
        old = measured.get(name)
        change = "–" if not old else f"{(candidate[name] - old) / abs(old):+.1%}"
        rows.append([name, _figure(candidate[name]), "–" if old is None else _figure(old), change])
    words = f"Measured on the same {evidence['testRows']:,} test rows. Every gate of the policy was kept."
    if evidence["kind"] == CODE:
        words = (
            f"The model stays: release {evidence['candidate']['trainedBy']} trained it, and it was measured on "
            f"{evidence['testRows']:,} test rows then. Today's limits were applied to those figures; comparing the "
            "model with itself would prove nothing."
        )
    if champion is None:
        words += " Nothing is live yet: there is no champion to compare with."
    if evidence["championObstacle"]:
        words += f" The champion can't be compared: {evidence['championObstacle']}."
    heads = ["Metric", "Candidate", "Champion", "Change"]
    return f"<h2>Candidate and champion</h2>\n<p>{escape(words)}</p>\n{table(heads, rows)}"


def _data(evidence: Mapping[str, Any]) -> str:
    data = evidence["data"]
    counts = [
        ["Rows read", f"{data['rowsRead']:,}"],
        ["Rows used", f"{data['rowsAccepted']:,}"],
        ["Rows refused", f"{data['rowsRefused']:,}"],
    ]
    parts = [
        "<h2>Data</h2>",
        f"<p><code>s3://{escape(data['drop']['bucket'])}/{escape(data['drop']['key'])}</code></p>",
    ]
    description, asked_by = data["manifest"]["description"], data["manifest"]["requestedBy"]
    if description:
        parts.append(f"<p>{escape(description)}</p>")
    if asked_by:
        parts.append(f"<p>Asked for by {escape(asked_by)}.</p>")
    parts.append(table(["Rows", "Count"], counts))
    if data["refusedByReason"]:
        reasons = sorted(data["refusedByReason"].items(), key=lambda entry: -entry[1])
        rows = [[reason, f"{count:,}"] for reason, count in reasons]
        parts += ["<h3>Why rows were refused</h3>", table(["Reason", "Rows"], rows)]
    if evidence["kind"] == CODE:
        parts.insert(1, "<p>No new data: this is what the model was trained on.</p>")
    rows = [[file["name"], f"{file['rows']:,}"] for file in data["files"]]
    parts += ["<h3>Files</h3>", table(["File", "Rows"], rows)]
    return "\n".join(parts)


def _dev_test(evidence: Mapping[str, Any]) -> str:
    test, replay = evidence["devTest"], evidence["devTest"]["replay"]
    rows = [
        ["One row, median", f"{test['latencyMilliseconds']['p50']:g} ms"],
        ["One row, 99th percentile", f"{test['latencyMilliseconds']['p99']:g} ms"],
        ["Rows of live traffic replayed", f"{replay['rows']:,}"],
    ]
    if replay["rows"]:
        rows += [
            ["Mean score of the champion then", _figure(replay["championMean"])],
            ["Mean score of the candidate", _figure(replay["candidateMean"])],
            ["Mean distance of the two", _figure(replay["meanDistance"])],
        ]
    if "largestShift" in replay:
        shift = f"{_figure(replay['largestShift'])} of the champion's standard deviations"
        rows.append(["Largest shift of the scores as a whole, from p5 to p95", shift])
    rows.append(["How traffic will move", in_words(evidence)])
    return f"<h2>Dev endpoint</h2>\n{table(['Test', 'Result'], rows)}"


def _origin(evidence: Mapping[str, Any], digest: str) -> str:
    entries = [
        ("Release", evidence["candidate"]["releaseId"]),
        ("Model", evidence["candidate"]["model"]["url"]),
        ("Code of model and jobs", evidence["code"]["digest"]),
        ("Inference code", evidence["inference"]["new"]["code"]),
        ("Data", evidence["data"]["digest"]),
        ("Evidence", digest),
    ]
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td><code>{escape(value)}</code></td></tr>' for name, value in entries
    )
    words = "Your decision is about exactly this. If production changes before it is carried out, it is void."
    return (
        f'<h2>What you decide about</h2>\n<p>{escape(words)}</p>\n<div class="table"><table><tbody>\n{rows}\n'
        "</tbody></table></div>"
    )


def _figure(value: float) -> str:
    return f"{value:.4g}"
