"""The words of every mail. Used by the functions that tell people something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from safe_deploy.domain.decision import Rule
from safe_deploy.domain.drift import Findings
from safe_deploy.domain.essence import essence
from safe_deploy.domain.evidence import comparison_words, inference_words
from safe_deploy.domain.manifest import CODE
from safe_deploy.domain.release import Release, State
from safe_deploy.domain.shift.strategy import in_words

SUBJECT_LIMIT = 100
TEXT_LIMIT = 200_000
LISTED = 20


@dataclass(frozen=True, slots=True)
class Notice:
    """One mail: SNS takes a subject of at most 100 printable ASCII characters."""

    subject: str
    text: str

    @classmethod
    def of(cls, subject: str, *paragraphs: str) -> Notice:
        """Return a notice whose subject SNS will take."""
        plain = "".join(c if " " <= c <= "~" else "?" for c in subject).strip()
        text = "\n\n".join(paragraph.strip() for paragraph in paragraphs if paragraph.strip())
        return cls(
            plain if len(plain) <= SUBJECT_LIMIT else f"{plain[: SUBJECT_LIMIT - 3]}...",
            text[:TEXT_LIMIT] + "\n",
        )


def approval_request(
    model_name: str, evidence: Mapping[str, Any], link: str, deadline: str, rule: Rule | None = None, links: int = 1
) -> Notice:
    """Ask for a decision: verdict, three numbers, until when, where."""
    release_id = evidence["candidate"]["releaseId"]
    return Notice.of(
        f"{model_name}: release {release_id} asks for your decision",
        *essence_words(model_name, evidence),
        *warning_words(evidence["data"]["manifest"]),
        f"Look at the evidence and decide, until {deadline}:\n{link}",
        "Opening the link changes nothing. Whoever has it can decide: don't forward it.",
        *_rule_words(rule or Rule(), links),
        f"Evidence: {digest_words(evidence)}",
    )


def essence_words(model_name: str, evidence: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what matters most: the verdict, what was kept, and the numbers with how traffic would move."""
    kind = "Code release" if evidence["kind"] == CODE else "Release"
    found, inference = essence(evidence), evidence["inference"]
    verdict = f"{found.verdict}: {evidence['championObstacle']}" if evidence["championObstacle"] else found.verdict
    numbers = [
        *(f"{number.label}: {number.value} ({number.detail})" for number in found.numbers),
        *([inference_words(evidence)] if inference["differences"] else []),
        *([comparison_words(inference["comparison"])] if inference["comparison"] else []),
        f"Traffic: {in_words(evidence)}",
    ]
    return (
        f"{verdict}. {found.slices}",
        f"{kind} {evidence['candidate']['releaseId']} of {model_name} has kept every gate and passed its dev tests.",
        "\n".join(numbers),
    )


def warning_words(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """Return what is out of the ordinary about a release: a broken glass, changes by hand; empty where it isn't."""
    return _break_glass_words(manifest), _acknowledged_words(manifest)


def not_mailed(model_name: str, release_id: str, unsent: Mapping[str, str]) -> Notice:
    """Tell whom the mail service refused to mail. The others have their links."""
    return Notice.of(
        f"{model_name}: not everybody could be asked about release {release_id}",
        "\n".join(f"- {email}: {reason}" for email, reason in unsent.items()),
        "The others have been asked. Who has no link can decide from the terminal, as operations.md says.",
    )


def approval_reminder(model_name: str, release_id: str, link: str, deadline: str) -> Notice:
    """Remind of a decision that nobody has made yet."""
    return Notice.of(
        f"{model_name}: release {release_id} still waits for your decision",
        f"Release {release_id} of {model_name} expires at {deadline} unless somebody decides.",
        f"Look at the evidence and decide:\n{link}",
        "The link of the earlier mail works too. Opening a link decides nothing.",
    )


def outcome(model_name: str, release: Release, reason: str, notes: Sequence[str] = ()) -> Notice:
    """Tell how a release ended."""
    release_id = release.release_id
    live, decided = _champion_words(release), release.item.get("decision")
    subjects = {
        State.LIVE: "is live",
        State.REFUSED: "was refused",
        State.FAILED: "failed",
        State.REJECTED: "was rejected",
        State.EXPIRED: "expired: nobody decided in time" if decided is None else "expired: the decision came too late",
        State.STALE: "is stale: production has changed since it was approved",
        State.SUPERSEDED: "was superseded by a newer one",
        State.STOPPED: "was stopped",
        State.ROLLED_BACK: "was rolled back",
    }
    words = {
        State.LIVE: f"Release {release_id} of {model_name} serves all traffic now.",
        State.REFUSED: f"The drop of release {release_id} was refused. {live}",
        State.FAILED: f"Release {release_id} of {model_name} failed. {live}",
        State.REJECTED: f"Release {release_id} of {model_name} was rejected. {live}",
        State.EXPIRED: f"Nobody decided about release {release_id} of {model_name} in time. {live}"
        if decided is None
        else f"{decided['by']} decided about release {release_id} of {model_name} ({decided['decision']}), but the "
        f"decision didn't reach the release in time. {live} Drop its data again, and it asks afresh.",
        State.STALE: f"Release {release_id} of {model_name} was approved; then production changed. "
        f"The yes is void. {live} The same drop is released again, and asks with fresh evidence.",
        State.SUPERSEDED: f"Release {release_id} of {model_name} was approved, but a newer one was, too. {live}",
        State.STOPPED: f"Release {release_id} of {model_name} was stopped and cleaned up. {live}",
        State.ROLLED_BACK: f"Release {release_id} of {model_name} was rolled back. {live}",
    }
    return Notice.of(
        f"{model_name}: release {release_id} {subjects[release.state]}",
        words[release.state],
        f"Reason: {quoted(reason)}" if reason else "",
        _drop_words(release),
        "\n".join(notes),
    )


def waits(model_name: str, release_id: str, reason: str) -> Notice:
    """Tell that an approved release waits for its turn."""
    return Notice.of(
        f"{model_name}: release {release_id} waits for its turn",
        f"Release {release_id} of {model_name} is approved, but {reason}. Only one release at a time may move "
        "production.",
        "It looks again every half minute, after an hour every five minutes. When the other goes live, this one's "
        "evidence is stale and it ends; when a newer release is approved or goes live, that one takes its place.",
    )


def reaped(model_name: str, removed: Sequence[str], why: Mapping[str, str], failures: Sequence[str]) -> Notice:
    """Tell what the reaper removed, and what it could not."""
    return Notice.of(
        f"{model_name}: leftovers of releases were removed" if removed else f"{model_name}: leftovers need you",
        "These were removed:\n" + "\n".join(f"- {entry}" for entry in removed) if removed else "",
        "Because of their releases:\n" + "\n".join(f"- {release}: {words}" for release, words in why.items()),
        "This failed. What could not be removed is tried again in an hour:\n"
        + "\n".join(f"- {entry}" for entry in failures)
        if failures
        else "",
    )


def changed_by_hand(model_name: str, findings: Sequence[str], new: Sequence[str]) -> Notice:
    """Tell that production isn't as the last release left it, or that it is again."""
    if not findings:
        return Notice.of(
            f"{model_name}: production is as it should be again",
            "Alias, endpoint, scaling and monitoring are as the last release or rollback left them.",
        )
    still = [entry for entry in findings if entry not in new]
    return Notice.of(
        f"{model_name}: production was changed by hand",
        "\n".join(f"- {entry}" for entry in new) if new else "Less is wrong than before.",
        "Still so:\n" + "\n".join(f"- {entry}" for entry in still) if still else "",
        "Only releases and rollbacks should move production. The next release refuses to build on it, unless its "
        "manifest acknowledges what was found. You are told again when this changes.",
    )


def no_traffic(model_name: str, release_id: str, endpoint_name: str, start: str, end: str) -> Notice:
    """Tell that nothing was captured."""
    return Notice.of(
        f"{model_name}: no traffic captured",
        f"Between {start} and {end} nothing was captured of the endpoint {endpoint_name} "
        f"(release {release_id}), so nothing can be said about drift. Silence is not health.",
        "If predictions were asked for in that time, look at the endpoint's data capture. "
        "While it stays silent, you will be told once a day.",
    )


def drift(model_name: str, release_id: str, findings: Findings, output: str) -> Notice:
    """Tell what has left the baseline."""
    drifted = findings.drifted
    lines = [f"- {entry.feature}: {entry.description}" for entry in findings.violations[:LISTED]]
    if len(findings.violations) > LISTED:
        lines.append(f"and {len(findings.violations) - LISTED} more")
    headline = f"drift in {', '.join(drifted)}" if drifted else f"{len(findings.violations)} constraints violated"
    return Notice.of(
        f"{model_name}: {headline}",
        f"Live traffic of release {release_id} ({findings.rows:,} rows) differs from its baseline:",
        "\n".join(lines),
        f"{findings.unreadable:,} captured records could not be read." if findings.unreadable else "",
        f"The run's files: {output}",
    )


def digest_words(evidence: Mapping[str, Any]) -> str:
    """Return which code and data the evidence is about, shortened, and on how many rows it was measured."""
    code, data = evidence["code"]["digest"], evidence["data"]["digest"]
    return f"code {code[:12]}, data {data[:12]}, {evidence['testRows']:,} test rows"


def _rule_words(rule: Rule, links: int) -> list[str]:
    few = f"Fewer links than that were mailed ({links}): the others decide from the terminal, as operations.md says."
    return [rule.words, few if links < rule.required else ""]


def quoted(text: str) -> str:
    """Return what a person wrote so that no line of it can be taken for a line of ours."""
    return text.replace("\n", "\n> ")


def _break_glass_words(manifest: Mapping[str, Any]) -> str:
    glass = manifest.get("breakGlass")
    if not glass:
        return ""
    return (
        f"BREAK GLASS: {manifest['requestedBy']} wants traffic to shift even if the alarms on what is live fire. "
        f"Their reason: {quoted(glass['reason'])}"
    )


def _acknowledged_words(manifest: Mapping[str, Any]) -> str:
    known = manifest.get("acknowledge")
    return f"CHANGED BY HAND, and built on all the same: {', '.join(known)}." if known else ""


def _champion_words(release: Release) -> str:
    champion = release.champion
    if champion is None:
        return "Nothing was live before."
    return f"Release {champion.release_id} goes on serving."


def _drop_words(release: Release) -> str:
    drop = release.drop
    return f"Drop: s3://{drop.bucket}/{drop.key}" if drop else ""
