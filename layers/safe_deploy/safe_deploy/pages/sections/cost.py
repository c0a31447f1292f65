"""What hosting the release costs: instance hours, and money where the policy gives prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safe_deploy.domain.costs import HOURS_A_MONTH, Cost, reckon
from safe_deploy.domain.figures import count
from safe_deploy.pages.html import paragraph, section, table, unknown


def render(evidence: Mapping[str, Any], anchor: str, title: str) -> str:
    """Return the section."""
    hosting = evidence.get("hosting")
    if not hosting:
        return section(anchor, title, unknown("Instances and hours"))
    prices = evidence.get("prices") or {"currency": "", "perInstanceHour": {}}
    grace = evidence.get("graceMinutes") if evidence["champion"] else None
    lines = reckon(hosting, prices["perInstanceHour"], grace)
    rows = [[line.what, line.instance_type, _hours(line), _money(line, prices["currency"])] for line in lines]
    missing = sorted({line.instance_type for line in lines if line.most is None})
    words = (
        f"Instance hours: a month has {HOURS_A_MONTH}; production scales between "
        f"{count(hosting['minimumInstances'])} and {count(hosting['maximumInstances'])} instances. "
        "Jobs, requests, logs and storage are not counted."
    )
    if missing:
        names = ", ".join(missing)
        words += f" Money is unknown for {names}: give a price in policy.json, under prices.perInstanceHour."
    else:
        words += " Prices are those of policy.json."
    heads = ["What", "Instance type", "Instance hours", "Cost"]
    return section(anchor, title, table(heads, rows, words=(1,)), paragraph(words, "soft small"))


def _hours(line: Cost) -> str:
    return _range(f"{line.least_hours:,.4g}", f"{line.most_hours:,.4g}")


def _money(line: Cost, currency: str) -> str:
    if line.least is None or line.most is None:
        return "unknown"
    return f"{_range(f'{line.least:,.2f}', f'{line.most:,.2f}')} {currency}"


def _range(least: str, most: str) -> str:
    return least if least == most else f"{least} to {most}"
