"""The evidence as HTML: complete, honest about what isn't known, and safe whatever it holds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safe_deploy.pages.evidence import evidence_sections
from safe_deploy.pages.html import escape
from safe_deploy.pages.style import STYLE

VOID = {"input", "br", "meta"}
DIGEST = "d" * 64
HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>\u202eevil"


class Tags(HTMLParser):
    """Every tag with its attributes; fails when one isn't closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def text_of(evidence: dict[str, Any]) -> str:
    return re.sub(r"\s+", " ", " ".join(Tags(evidence_sections(evidence, DIGEST)).text))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every leaf."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not isinstance(value, (dict, list)):
        yield path
    for key, entry in entries:
        yield from places(entry, (*path, key))


def put(evidence: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        evidence = evidence[key]
    evidence[path[-1]] = value


def check(page: str) -> None:
    """Nothing in the page runs, loads or is styled from inside."""
    parsed = Tags(page)
    for tag, attributes in parsed.tags:
        assert tag not in ("script", "img", "iframe", "object", "embed", "link", "style", "form", "base")
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name != "style"
            if name == "href":
                assert re.match(r"#|https://[\w.-]+/", value or "")
    ids = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = {
        name
        for _, attributes in parsed.tags
        for key in ("aria-labelledby", "aria-describedby")
        for name in (attributes.get(key) or "").split()
    }
    assert named <= set(ids)
    classes = {name for _, attributes in parsed.tags for name in (attributes.get("class") or "").split()}
    assert {name for name in classes if f".{name}" not in STYLE} <= {"first", "incomparable", "code"}


def test_everything_an_approver_weighs_is_there(evidence: dict[str, Any]) -> None:
    page = evidence_sections(evidence, DIGEST)
    check(page)
    text = text_of(evidence)
    for words in (
        "Better than the champion",
        "rmse (lower is better) 3.485 2.949 to 4.172 4.778 4.246 to 5.445 −1.293 (−27.1 %)",
        "400 resamples of 4,081 rows each",
        "All 22 slices",
        "at most 2.0 % worse than the champion (4.778)",
        "27,224 of 28,600 used, 1,376 refused",
        "passenger_count below 1",
        "Yellow taxi trips, February 2019",
        "1 of 5 features is beyond the policy's threshold of 0.2",
        "0.904 · 0 → 2.305",
        "S3 version of the drop ",
        "5 ms (limit 500 ms)",
        "mean distance",
        "Production endpoint, a month ml.m5.large 730 to 2,920 83.95 to 335.80 USD",
        "Hourly monitoring, a month ml.m5.large 0 to 121.7 0.00 to 13.99 USD",
        "Total, a month – 730 to 3,042 83.95 to 349.79 USD",
        "Champion beside it during the shift, once ml.m5.large 0.25 to 1 0.03 to 0.12 USD",
        "Champion kept warm after the shift, once ml.m5.large 0.25 to 1 0.03 to 0.12 USD",
        "Dev endpoint while you decide, once ml.t2.medium 0 to 72 0.00 to 4.03 USD",
        "Prices are those of policy.json: AWS's on-demand list prices for us-east-1",
        "Not counted: this release's jobs, which have run, and requests, logs, storage and alarms.",
        "kept for 15 minutes",
        "Traffic moves: 10 % for 15 minutes, then all, compared with the champion meanwhile.",
        "one row's 99th percentile within 500 ms",
        "Due 14 minutes after the first traffic, 1 minute before the last step.",
        "Errors Proven: less than 2 in a hundred requests more than the champion's fail.",
        "Granted: up to 50.0 % slower. Proven, with that: less than 10 in a hundred requests more",
        "At least 100 of the candidate's",
        "Up to 3,000 of the last day's requests are sent again",
        "Traffic goes back to the champion; the release isn't promoted.",
        "of all traffic and of the new version alone",
        "stopped in 1.0 % of such shifts at most; one beyond a margin passes in 5.0 % at most",
        DIGEST,
    ):
        assert words in text, words
    console = "https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/"
    assert f'href="{console}{evidence["execution"]}"' in page


def test_worst_regressions_come_first_with_their_size_in_words(evidence: dict[str, Any]) -> None:
    bad = evidence["comparison"]["slices"][0]
    bad |= {
        "slice": "Rate", "value": "JFK", "verdict": "worse", "champion": {"value": 2.0, "low": 1.0, "high": 3.0},
        "difference": {"value": 0.5, "low": 0.3, "high": 0.7},
    }  # fmt: skip
    text = text_of(evidence)
    assert re.search(r"Clearly worse in 1 of \d+ slices, most in Rate JFK \(\+25.0 %\)", text)
    following = evidence["comparison"]["slices"][1]
    assert text.index("Rate: JFK: 25.0 % worse; ") < text.index(f"{following['slice']}: {following['value']}")


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("comparison", "Confidence intervals: unknown"),
        ("comparison", "How the models do on parts of the data: unknown"),
        ("comparison", "How sure the difference from the champion is, is unknown"),
        ("drift", "How far the new training data are from the champion's: unknown"),
        ("hosting", "Instances and hours: unknown"),
        ("names", "Jobs and endpoint unknown"),
        ("execution", "Execution unknown"),
        ("prices", "Money is unknown for ml.m5.large, ml.t2.medium: give a price in policy.json"),
        ("canary", "How long both endpoints run during the shift is unknown."),
        ("graceMinutes", "kept for an unknown time"),
        ("inference", "What this release does to the inference code: unknown"),
        ("strategy", "Traffic moves: unknown"),
        ("strategy", "By when: unknown."),
        ("canary", "Margins, least number of requests, and what too little evidence leads to: unknown."),
        ("chances", "How often it errs: unknown."),
    ],
)
def test_what_is_not_known_is_said_to_be_unknown(evidence: dict[str, Any], section: str, words: str) -> None:
    evidence[section] = None
    check(evidence_sections(evidence, DIGEST))
    assert words in text_of(evidence)
    del evidence[section]
    assert words in text_of(evidence)


def test_a_first_release_has_nobody_to_compare_with(evidence: dict[str, Any]) -> None:
    evidence |= {"champion": None, "drift": None}
    for entry in (*evidence["comparison"]["slices"], *evidence["comparison"]["metrics"].values()):
        entry |= {"champion": None, "difference": None, "verdict": "unknown"}
    check(evidence_sections(evidence, DIGEST))
    text = text_of(evidence)
    assert "The first model: there is no champion to compare with" in text
    assert "nothing to drift from" in text
    assert "all at once: nobody serves yet" in text
    assert "kept for" not in text
    assert "nobody serves then, as now" in text
    assert "has to prove" not in text


def test_all_at_once_says_why_and_that_nothing_is_proven(evidence: dict[str, Any]) -> None:
    evidence["strategy"] = {"type": "allAtOnce", "reason": "the champion answers nobody"}
    check(evidence_sections(evidence, DIGEST))
    text = text_of(evidence)
    assert "Traffic moves: all at once: the champion answers nobody; nothing is compared." in text
    assert "A failing check or an alarm sends it back to the champion." in text
    assert "Nothing: all traffic goes at once" in text
    assert "Granted" not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"onInsufficientEvidence": "hold"},
            "begun again, once more, for 30 minutes in all at most. Then traffic goes",
        ),
        ({"onInsufficientEvidence": "hold", "furtherWindows": 3}, "up to 3 times more, for 1 hour in all at most"),
        ({"onInsufficientEvidence": "hold", "furtherWindows": 0}, "Traffic goes back to the champion; the release"),
        ({"latencyTolerance": None}, "Latency Not looked at."),
        ({"predictionTolerance": None}, "Predictions Not looked at."),
        ({"replayRequests": 0}, "Nothing is sent again."),
    ],
)
def test_what_the_policy_says_of_a_shift_is_told(evidence: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    evidence["canary"] |= {"furtherWindows": 1, **changes}
    assert words in text_of(evidence)


def test_what_the_replay_showed_is_granted_on_top_if_there_was_enough(evidence: dict[str, Any]) -> None:
    evidence["devTest"]["replay"]["largestShift"] = 0.25
    words = (
        "moves by 0.5 of the champion's standard deviations, and on top the 0.25 that the replay showed: 0.75 in all."
    )
    assert words in text_of(evidence)
    del evidence["devTest"]["replay"]["largestShift"]
    assert "moves by 0.5 of the champion's standard deviations. Proven" in text_of(evidence)


def test_broken_glass_leaves_the_new_versions_alarms_alone(evidence: dict[str, Any]) -> None:
    evidence["data"]["manifest"]["breakGlass"] = {"reason": "it mends what fires"}
    assert "of the new version alone: the glass is broken" in text_of(evidence)


def test_a_release_of_code_alone_has_the_same_to_prove(evidence: dict[str, Any]) -> None:
    evidence["kind"] = "code"
    check(evidence_sections(evidence, DIGEST))
    assert "Errors Proven: less than 2 in a hundred requests more" in text_of(evidence)


def test_a_champion_that_cannot_be_compared_is_said_with_the_reason(evidence: dict[str, Any]) -> None:
    evidence["championObstacle"] = "its contract was another one"
    evidence["champion"]["metrics"] = None
    for entry in (*evidence["comparison"]["slices"], *evidence["comparison"]["metrics"].values()):
        entry |= {"champion": None, "difference": None, "verdict": "unknown"}
    check(evidence_sections(evidence, DIGEST))
    assert "The champion can't be compared: its contract was another one." in text_of(evidence)


def test_prices_come_from_the_policy_alone(evidence: dict[str, Any]) -> None:
    evidence["prices"] = {"currency": "EUR", "perInstanceHour": {"ml.m5.large": 0.5, "ml.t2.medium": 0.1}}
    text = text_of(evidence)
    assert "365.00 to 1,460.00 EUR" in text
    assert "Prices are those of policy.json." in text
    del evidence["prices"]["perInstanceHour"]["ml.t2.medium"]
    assert "Money is unknown for ml.t2.medium: give a price" in text_of(evidence)


def test_further_windows_and_no_steps_change_how_long_both_endpoints_cost(evidence: dict[str, Any]) -> None:
    evidence["canary"] |= {"onInsufficientEvidence": "hold", "furtherWindows": 3}
    assert "during the shift, once ml.m5.large 0.25 to 4" in text_of(evidence)
    evidence["strategy"] = {"type": "allAtOnce", "reason": "it mends"}
    assert "during the shift" not in text_of(evidence).split("What it costs", 2)[2]


def test_the_number_of_rows_is_no_metric_but_another_count_is(evidence: dict[str, Any]) -> None:
    assert evidence["candidate"]["metrics"]["count"] == evidence["testRows"] == 4081
    assert "on the same 4,081 test rows" in text_of(evidence)
    assert "count 4,081" not in text_of(evidence)
    evidence["candidate"]["metrics"]["count"] = 17
    assert "count 17" in text_of(evidence)
    evidence["candidate"]["metrics"]["count"] = 4081
    evidence["better"]["count"] = "higher"
    assert "count (higher is better) 4,081" in text_of(evidence)


def test_differences_that_are_not_shown_are_counted_and_can_be_found(evidence: dict[str, Any]) -> None:
    assert "Other differences" not in text_of(evidence)
    other = {"feature": "trip_distance", "description": "Completeness requirement is not met."}
    evidence["drift"] |= {"violations": [other, *evidence["drift"]["violations"]], "violationsInAll": 73}
    text = text_of(evidence)
    assert "trip_distance Completeness requirement is not met." in text
    assert "73 differences in all, distances beyond the threshold included; the first 2 are in the evidence." in text
    assert f"All of them: {evidence['uris']['baseline']}/constraint_violations.json" in text
    del evidence["drift"]["violationsInAll"]
    assert "How many differences there are in all: unknown." in text_of(evidence)


def test_which_version_of_the_drop_it_was_is_told_or_unknown(evidence: dict[str, Any]) -> None:
    assert f"S3 version of the drop {evidence['data']['drop']['versionId']}" in text_of(evidence)
    del evidence["data"]["drop"]["versionId"]
    assert "S3 version of the drop unknown" in text_of(evidence)


def test_nothing_replayed_is_no_good_news(evidence: dict[str, Any]) -> None:
    evidence["devTest"]["replay"] = {"rows": 0, "leftOut": 3}
    text = text_of(evidence)
    assert "Nothing was replayed" in text
    assert "3 captured rows were left out" in text


def test_hostile_text_anywhere_stays_text(evidence: dict[str, Any]) -> None:
    """Each text, one after the other, and each key that comes from a user's files."""
    paths = [path for path in places(evidence) if isinstance(_at(evidence, path), str)]
    for path in paths:
        kept = _at(evidence, path)
        if path[-1] in ("verdict", "limit", "kind", "better") or path[0] in ("strategy", "better"):
            continue
        put(evidence, path, HOSTILE)
        check(evidence_sections(evidence, HOSTILE))
        put(evidence, path, kept)
    evidence["candidate"]["metrics"][HOSTILE] = 1.0
    evidence["hyperparameters"][HOSTILE] = HOSTILE
    evidence["data"]["refusedByReason"][HOSTILE] = 5
    evidence["data"]["split"][HOSTILE] = 5
    page = evidence_sections(evidence, HOSTILE)
    check(page)
    assert escape(HOSTILE) in page


def _at(evidence: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        evidence = evidence[key]
    return evidence


ODD = st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, 0, -0.0, 10**30])


@pytest.mark.parametrize("threshold", [math.nan, math.inf, -1e308, -0.1])
def test_a_limit_that_has_no_place_is_not_drawn(gathered: dict[str, Any], threshold: float) -> None:
    page = evidence_sections({**gathered, "drift": {**gathered["drift"], "threshold": threshold}}, DIGEST)
    assert 'id="plot-drift' in page
    assert 'class="limit"' not in page[page.index('id="plot-drift') :].split("</svg>", 1)[0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_odd_numbers_never_break_the_page(gathered: dict[str, Any], data: st.DataObject) -> None:
    import copy

    evidence = copy.deepcopy(gathered)
    numbers = [
        path
        for path in places(evidence)
        if isinstance(_at(evidence, path), (int, float))
        and not isinstance(_at(evidence, path), bool)
        and path[0] not in ("strategy", "version")
        and "counts" not in path
    ]
    for path in data.draw(st.lists(st.sampled_from(numbers), min_size=1, max_size=30)):
        put(evidence, path, data.draw(ODD))
    page = evidence_sections(evidence, DIGEST)
    check(page)
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, re.S))
    assert not re.search(r'="[^"]*\b(nan|inf)\b', re.sub(r"<(title|desc).*?</\1>", "", drawn), re.I)
