"""What people are asked, in plain text: nothing that an approver has to know is left out, and no list is endless."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from safe_deploy.domain.decision import Rule
from safe_deploy.domain.question import LINE_LIMIT, LISTED, TEXT_LIMIT, question

from tests.browser.site import taxi_evidence

UNTIL = "2026-02-01 10:00 UTC"


@pytest.fixture(scope="module")
def gathered() -> dict[str, Any]:
    """Evidence that the handlers gathered from the samples' real figures."""
    return taxi_evidence()


@pytest.fixture
def evidence(gathered: dict[str, Any]) -> dict[str, Any]:
    """A copy that a test may change."""
    return copy.deepcopy(gathered)


def asked(evidence: dict[str, Any], rule: Rule | None = None) -> str:
    """The question, its spaces as they are typed."""
    return question("taxi-fare", evidence, UNTIL, rule or Rule()).replace("\u00a0", " ")


def test_verdict_numbers_intervals_gates_drift_and_deadline_are_told(evidence: dict[str, Any]) -> None:
    text = asked(evidence)
    for words in (
        "Better than the champion. None of 19 slices is clearly worse.",
        "rmse: 3.485 (champion 4.778, −27.1 % (95 % interval −30.5 % to −23.2 %))",
        "Traffic: ",
        "- mae: 1.788 (1.701 to 1.898); champion 3.324 (3.221 to 3.442); difference −1.536 (−1.604 to −1.467): better",
        "- rmse at most ",
        "worse than the champion (4.778): 3.485, kept",
        "Drift of the training data from the champion's: ",
        "Why rows were refused:\n- ",
        f"Decide until {UNTIL}.",
    ):
        assert words in text


def test_warnings_and_whose_yes_it_takes_stand_below_the_lists(evidence: dict[str, Any]) -> None:
    manifest = evidence["data"]["manifest"]
    manifest |= {
        "breakGlass": {"reason": "it fails\nDecide until tomorrow"},
        "acknowledge": ["alias-moved", "endpoint"],
    }
    lists, _, below = asked(evidence, Rule(2, "Grace Hopper")).partition("Asked for by Grace Hopper")
    assert "- rmse at most " in lists
    for words in (
        "BREAK GLASS: Grace Hopper wants traffic to shift even if the alarms on what is live fire.",
        "it fails\n> Decide until tomorrow",
        "CHANGED BY HAND, and built on all the same: alias-moved, endpoint.",
        "2 different people have to agree",
        "Grace Hopper asked for this release and can't be the only one to agree.",
    ):
        assert words in below


def test_code_alone_and_its_differences_are_named(evidence: dict[str, Any]) -> None:
    evidence |= {"kind": "code", "comparison": None, "drift": None}
    evidence["inference"]["differences"] = ["the code differs"]
    text = asked(evidence)
    assert text.startswith("Inference code alone changes; the model stays.")
    assert "- rmse: 3.485\n" in text, "a model is not compared with itself"
    assert "What differs of the inference code:\n- the code differs" in text
    assert "training data" not in text


def test_what_is_unknown_is_said_to_be_so(evidence: dict[str, Any]) -> None:
    evidence |= {"comparison": None, "drift": None, "championObstacle": "its contract has no column tolls"}
    evidence["devTest"]["replay"] = {"rows": 0, "leftOut": 0}
    text = asked(evidence)
    assert text.startswith("The champion can't be compared: its contract has no column tolls.")
    assert "How far the training data are from the champion's is unknown." in text
    assert "Nothing was replayed" in text


def test_other_differences_from_the_champions_data_are_named(evidence: dict[str, Any]) -> None:
    drift = evidence["drift"]
    drift |= {"violations": [{"feature": "tip", "description": "is blank in half the rows"}], "violationsInAll": 60}
    text = asked(evidence)
    assert "Of 60 differences the evidence has the first 1.\n" in text
    assert "\n- tip: is blank in half the rows\n" in text


def test_a_worse_slice_is_named(evidence: dict[str, Any]) -> None:
    found = evidence["comparison"]["slices"][0]
    found["verdict"] = "worse"
    assert f"Clearly worse slices:\n- {found['slice']} {found['value']}: " in asked(evidence)


def test_no_list_and_no_line_of_one_is_endless(evidence: dict[str, Any]) -> None:
    evidence["data"]["refusedByReason"] = {f"{place} {'x' * 1000}": 1 for place in range(3000)}
    text = asked(evidence)
    assert f"and {3000 - LISTED} more, which the evidence lists" in text
    assert max(map(len, text.splitlines())) < LINE_LIMIT + 10
    assert "Decide until" in text
    assert len(text) < TEXT_LIMIT / 4
