"""What the release costs: instance hours, and money where the policy gives prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.domain.costs import HOURS_A_MONTH, MONITOR_MINUTES, BothServe, Cost, reckon
from safe_deploy.domain.figures import UNKNOWN, count, is_known
from safe_deploy.pages.html import paragraph, section, table, unknown
from safe_deploy.pages.sections.rollout import strategy_of


def render(evidence: Mapping[str, Any], anchor: str, title: str) -> str:
    """Return the section."""
    hosting = evidence.get("hosting")
    if not hosting:
        return section(anchor, title, unknown("Instances and hours"))
    prices = evidence.get("prices") or {"currency": "", "perInstanceHour": {}}
    both = _both(evidence) if evidence["champion"] else None
    lines = reckon(hosting, prices["perInstanceHour"], both)
    rows = [[line.what, line.instance_type or "–", _hours(line), _money(line, prices["currency"])] for line in lines]
    heads = ["What", "Instance type", "Instance hours", "Cost"]
    hours = (
        f"Instance hours: a month has {HOURS_A_MONTH}; production scales between "
        f"{count(hosting['minimumInstances'])} and {count(hosting['maximumInstances'])} instances. A monitoring job "
        f"is reckoned with {MONITOR_MINUTES} minutes; an hour without traffic has none. Not counted: this release's "
        "jobs, which have run, and requests, logs, storage and alarms."
    )
    if both and both.shift_hours is None:
        hours += f" How long both endpoints run during the shift is {UNKNOWN}."
    return section(
        anchor,
        title,
        table(heads, rows, words=(1,)),
        paragraph(_prices(lines, prices.get("source")), "soft small"),
        paragraph(hours, "soft small"),
    )


def _both(evidence: Mapping[str, Any]) -> BothServe:
    strategy, canary, grace = strategy_of(evidence), evidence.get("canary"), evidence.get("graceMinutes")
    windows = 0 if strategy and not strategy.is_stepwise else (canary or {}).get("furtherWindows")
    hours = None
    if strategy is not None and is_known(windows):
        once = strategy.last_step_seconds / 3600
        hours = (once, once * (1 + windows))
    return BothServe(hours, grace / 60 if is_known(grace) else None)


def _prices(lines: list[Cost], source: str | None) -> str:
    missing = sorted({line.instance_type for line in lines if line.instance_type and line.most is None})
    words = []
    if missing:
        words.append(
            f"Money is unknown for {', '.join(missing)}: give a price in policy.json, under prices.perInstanceHour."
        )
    if any(line.most is not None for line in lines):
        words.append(f"Prices are those of policy.json{f': {source}' if source else ''}.")
    return " ".join(words)


def _hours(line: Cost) -> str:
    return _range(f"{line.least_hours:,.4g}", f"{line.most_hours:,.4g}")


def _money(line: Cost, currency: str) -> str:
    if line.least is None or line.most is None:
        return UNKNOWN
    return f"{_range(f'{line.least:,.2f}', f'{line.most:,.2f}')} {currency}"


def _range(least: str, most: str) -> str:
    return least if least == most else f"{least} to {most}"
