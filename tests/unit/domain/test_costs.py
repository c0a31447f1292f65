"""What a release costs: hours always, money only where a price is given."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from safe_deploy.domain.costs import BothServe, Cost, reckon
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.hosting import Hosting
from safe_deploy.domain.policy import Policy
from safe_deploy.errors import InvalidRequestError

from tests.fakes.story import POLICY, ROOT

HOSTING = {
    "endpointInstanceType": "ml.m5.large",
    "minimumInstances": 1,
    "maximumInstances": 4,
    "devInstanceType": "ml.t2.medium",
    "approvalSeconds": 7200,
    "jobInstanceType": "ml.c5.large",
}
PRICES = {"ml.m5.large": 2.0, "ml.c5.large": 1.0}


def amounts(line: Cost) -> tuple[float, float, float | None, float | None]:
    return (line.least_hours, line.most_hours, line.least, line.most)


def test_costs_are_hours_and_money_only_where_a_price_is_given() -> None:
    month, monitoring, total, shift, grace, dev = reckon(HOSTING, PRICES, BothServe((0.25, 0.5), 0.5))
    assert amounts(month) == (730, 2920, 1460.0, 5840.0)
    assert amounts(monitoring) == pytest.approx((0, 730 / 6, 0, 730 / 6))
    assert amounts(total) == pytest.approx((730, 2920 + 730 / 6, 1460.0, 5840.0 + 730 / 6))
    assert amounts(shift) == (0.25, 2.0, 0.5, 4.0)
    assert amounts(grace) == (0.5, 2.0, 1.0, 4.0)
    assert amounts(dev) == (0, 2.0, None, None)


def test_without_a_champion_nothing_serves_beside_the_candidate() -> None:
    assert [line.what for line in reckon(HOSTING, {}, None)] == [
        "Production endpoint, a month",
        "Hourly monitoring, a month",
        "Total, a month",
        "Dev endpoint while you decide, once",
    ]


@pytest.mark.parametrize("hours", [None, (0.0, 0.0)])
def test_a_shift_that_takes_no_time_or_an_unknown_one_has_no_line(hours: tuple[float, float] | None) -> None:
    assert not any("during the shift" in line.what for line in reckon(HOSTING, PRICES, BothServe(hours, 1.0)))


def test_a_sum_is_unknown_when_a_part_is() -> None:
    assert [line.most for line in reckon(HOSTING, {"ml.m5.large": 2.0}, None)][:3] == [5840.0, None, None]
    untold = {key: value for key, value in HOSTING.items() if key != "jobInstanceType"}
    monitoring = reckon(untold, PRICES, None)[1]
    assert (monitoring.instance_type, monitoring.most) == ("unknown", None)


def test_hosting_is_read_strictly() -> None:
    assert Hosting.parse(Fields(HOSTING, "h")).to_item() == HOSTING
    for wrong in ({"minimumInstances": -1}, {"jobInstanceType": ""}):
        with pytest.raises(InvalidRequestError, match=next(iter(wrong))):
            Hosting.parse(Fields({**HOSTING, **wrong}, "h"))


def test_a_machine_that_does_not_tell_the_jobs_instance_is_understood() -> None:
    untold: dict[str, Any] = {key: value for key, value in HOSTING.items() if key != "jobInstanceType"}
    assert Hosting.parse(Fields(untold, "h")).job_instance_type is None


def test_the_shipped_prices_cover_the_templates_instances_and_say_whose_they_are() -> None:
    prices = Policy.parse(json.loads((ROOT / "model/policy.json").read_text())).prices
    template = (ROOT / "template.yaml").read_text()
    defaults = re.findall(r"InstanceType:\n    Type: String\n(?:.*\n)*?    Default: (ml\.\S+)", template)
    assert len(defaults) == 4
    assert set(defaults) <= set(prices.per_hour)
    assert prices.currency == "USD"
    assert "us-east-1" in prices.source


@pytest.mark.parametrize(
    ("prices", "words"),
    [
        ({"currency": "EUR", "perInstanceHour": {"ml.m5.large": -1}}, "prices.perInstanceHour.ml.m5.large"),
        ({"currency": "EUR", "perInstanceHour": {}, "tax": 1}, "prices.tax"),
        ({"currency": "EUR", "perInstanceHour": {}, "source": "a\nb"}, "prices.source must be plain text on one line"),
    ],
)
def test_prices_are_read_strictly(prices: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        Policy.parse({**POLICY, "prices": prices})
