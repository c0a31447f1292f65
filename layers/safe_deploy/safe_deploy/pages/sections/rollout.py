"""What a yes sets in motion: the way to production, and what the candidate has to prove while traffic shifts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.domain.fields import Fields
from safe_deploy.domain.figures import UNKNOWN, count, duration, figure, is_known, percent
from safe_deploy.domain.shift.strategy import Strategy, in_words
from safe_deploy.pages.html import escape, facts, heading, paragraph, section, unknown

Canary = Mapping[str, Any]


def render(evidence: Mapping[str, Any], anchor: str, title: str) -> str:
    """Return the section."""
    strategy = strategy_of(evidence)
    limit = evidence["devTest"].get("limitMilliseconds")
    steps = [
        "The release waits for its turn; should production or this evidence have changed by then, your yes is void.",
        "A production endpoint is made. Before any traffic the new version itself is asked the golden rows: the scores "
        f"have to be the dev endpoint's, and one row's 99th percentile within {_milliseconds(limit)}.",
        _shift(evidence, strategy),
        "With all traffic there, alias, endpoint and data capture are read back; what isn't as it should be undoes "
        "the shift, too.",
        _after(evidence),
    ]
    items = "".join(f"<li>{escape(step)}</li>" for step in steps)
    return section(anchor, title, f"<ol>\n{items}\n</ol>", _proof(evidence, strategy))


def strategy_of(evidence: Mapping[str, Any]) -> Strategy | None:
    """Return how traffic moves from the champion; None when there is none, or when that isn't known."""
    if evidence["champion"] is None or not evidence.get("strategy"):
        return None
    return Strategy.parse(Fields(dict(evidence["strategy"]), "the evidence", "strategy"))


def _shift(evidence: Mapping[str, Any], strategy: Strategy | None) -> str:
    how = UNKNOWN if evidence["champion"] and strategy is None else in_words(evidence)
    words = f"Traffic moves: {how}."
    if evidence["champion"] is None:
        return f"{words} A failing check or an alarm takes the release back; nobody serves then, as now."
    judges = (
        "A failing check or an alarm"
        if strategy and not strategy.is_stepwise
        else ("A failing check, an alarm or the analysis")
    )
    return f"{words} {judges} sends it back to the champion."


def _after(evidence: Mapping[str, Any]) -> str:
    grace = evidence.get("graceMinutes")
    words = "The monitor compares live traffic with the new baseline every hour."
    if evidence["champion"] is None:
        return words
    kept = duration(grace * 60) if is_known(grace) else "an unknown time"
    return f"The champion's endpoint is kept for {kept}, to go back to. {words}"


def _proof(evidence: Mapping[str, Any], strategy: Strategy | None) -> str:
    if evidence["champion"] is None:
        return ""
    head = heading("What the candidate has to prove while traffic shifts")
    if strategy is not None and not strategy.is_stepwise:
        return head + paragraph("Nothing: all traffic goes at once, so no margin, least number or replay applies.")
    canary = evidence.get("canary")
    if not canary:
        return head + unknown("Margins, least number of requests, and what too little evidence leads to")
    entries = [
        ("Verdict", _verdict(strategy)),
        ("Errors", f"Proven: {_fewer(canary['errorMargin'])} fail."),
        ("Latency", _latency(canary)),
        ("Predictions", _predictions(canary, evidence["devTest"]["replay"].get("largestShift"))),
        ("Requests", f"At least {count(canary['minimumRequests'])} of the candidate's; with fewer it never passes."),
        ("Where traffic is thin", _replay(canary["replayRequests"])),
        ("Too little evidence", _insufficient(canary, strategy)),
        ("Alarms", _alarms(evidence)),
        ("Chance", _chance(evidence.get("chances"))),
    ]
    return head + facts([(name, escape(words)) for name, words in entries])


def _verdict(strategy: Strategy | None) -> str:
    if strategy is None:
        return f"By when: {UNKNOWN}."
    due, left = strategy.decide_seconds, strategy.last_step_seconds - strategy.decide_seconds
    return (
        f"Due {duration(due)} after the first traffic, {duration(left)} before the last step. Errors, latency "
        "and predictions have to be proven then; a candidate that is clearly worse is stopped at once."
    )


def _latency(canary: Canary) -> str:
    tolerance = canary["latencyTolerance"]
    if tolerance is None:
        return "Not looked at."
    return f"Granted: up to {percent(tolerance)} slower. Proven, with that: {_fewer(canary['shareMargin'])} are slow."


def _predictions(canary: Canary, shift: Any) -> str:
    tolerance = canary["predictionTolerance"]
    if tolerance is None:
        return "Not looked at."
    granted = f"{figure(tolerance)} of the champion's standard deviations"
    if is_known(shift) and is_known(tolerance):
        granted += f", and on top the {figure(shift)} that the replay showed: {figure(tolerance + shift)} in all"
    return (
        f"Granted: any quantile moves by {granted}. Proven, with that: {_fewer(canary['shareMargin'])} are predicted "
        "high, or low."
    )


def _replay(requests: Any) -> str:
    if requests == 0:
        return "Nothing is sent again."
    return (
        f"Up to {count(requests)} of the last day's requests are sent again, each by chance to one of the two versions."
    )


def _insufficient(canary: Canary, strategy: Strategy | None) -> str:
    back = "traffic goes back to the champion"
    windows = canary["furtherWindows"]
    if canary["onInsufficientEvidence"] == "rollBack" or windows == 0:
        return f"{back.capitalize()}; the release isn't promoted."
    if canary["onInsufficientEvidence"] != "hold" or not is_known(windows):
        return f"What it leads to: {UNKNOWN}."
    longest = duration((1 + windows) * strategy.last_step_seconds) if strategy else UNKNOWN
    times = "once more" if windows == 1 else f"up to {count(windows)} times more"
    return f"The shift is begun again, {times}, for {longest} in all at most. Then {back}."


def _alarms(evidence: Mapping[str, Any]) -> str:
    if evidence["data"]["manifest"].get("breakGlass"):
        return "On failed and on slow requests, of the new version alone: the glass is broken."
    return (
        "On failed and on slow requests, of all traffic and of the new version alone. One that fires keeps the shift "
        "from beginning, or sends traffic back."
    )


def _chance(chances: Mapping[str, Any] | None) -> str:
    if not chances:
        return f"How often it errs: {UNKNOWN}."
    return (
        f"A candidate within what is granted is stopped in {percent(chances.get('falseAlarm'))} of such shifts "
        f"at most; one beyond a margin passes in {percent(chances.get('falsePass'))} at most."
    )


def _fewer(margin: Any) -> str:
    points = figure(margin * 100) if is_known(margin) else f"an {UNKNOWN} number"
    return f"less than {points} in a hundred requests more than the champion's"


def _milliseconds(limit: Any) -> str:
    return f"{figure(limit)} ms" if is_known(limit) else "an unknown time"
