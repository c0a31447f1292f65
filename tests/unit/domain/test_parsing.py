"""Parsers take what is right, name what is wrong, and never fall over."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safe_deploy.domain.canonical import canonical, digest
from safe_deploy.domain.contract import Contract
from safe_deploy.domain.fields import Fields, parse_json
from safe_deploy.domain.manifest import DroppedFile, Manifest, data_digest
from safe_deploy.domain.policy import Policy, encode_hyperparameters
from safe_deploy.errors import InvalidRequestError

from tests.fakes.records import stored
from tests.fakes.story import CONTRACT, POLICY

MODEL = Path(__file__).resolve().parents[3] / "model"
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_the_shipped_model_folder_is_right() -> None:
    policy = Policy.parse(json.loads((MODEL / "policy.json").read_text()))
    contract = Contract.parse(json.loads((MODEL / "contract.json").read_text()))
    assert policy.gates
    assert contract.feature_names


@given(JSON)
def test_a_value_has_one_spelling_through_every_store(value: Any) -> None:
    assert canonical(json.loads(canonical(value))) == canonical(value)
    assert canonical(stored(value)) == canonical(value)


def test_numbers_that_are_equal_are_spelled_alike() -> None:
    assert canonical({"b": 5.0, "a": [-0.0, 1e3]}) == b'{"a":[0,1000],"b":5}'
    assert digest({"a": 5}) == digest({"a": 5.0}) != digest({"a": "5"})
    with pytest.raises(ValueError, match="Out of range"):
        canonical(math.nan)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"a": 1, "a": 1}', 'the key "a" twice'),
        (b'{"x": {"a": 1, "a": 1}}', 'the key "a" twice'),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"[1e999]", "1e999"),
        (b"\xff", "not UTF-8"),
        (b"{'a': 1}", "line 1, column 2"),
        (b"[" * 100_000, "nests too deeply"),
        (b"9" * 5000, "too long"),
    ],
)
def test_json_is_read_strictly(text: bytes, words: str) -> None:
    with pytest.raises(InvalidRequestError, match="place") as caught:
        parse_json(text, "place")
    assert words in str(caught.value)


def test_a_byte_order_mark_is_no_offence() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1}', "place") == {"a": 1}


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_manifest_breaks_the_parser(content: bytes) -> None:
    try:
        manifest = Manifest.parse(content)
    except InvalidRequestError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert str(error).isprintable()  # noqa: PT017
    else:
        assert manifest.files


@given(JSON)
def test_no_document_breaks_policy_or_contract(document: Any) -> None:
    for parse in (Policy.parse, Contract.parse):
        with pytest.raises(InvalidRequestError):
            parse(document)


@st.composite
def damaged(draw: st.DrawFn, original: dict[str, Any]) -> dict[str, Any]:
    """Return a document with one value, somewhere, replaced or removed."""
    document = json.loads(json.dumps(original))
    place: Any = document
    while True:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if isinstance(place[key], (dict, list)) and place[key] and draw(st.booleans()):
            place = place[key]
            continue
        if draw(st.booleans()):
            place[key] = draw(JSON)
        else:
            del place[key]
        return dict(document)


@given(damaged(POLICY), damaged(CONTRACT))
def test_damage_is_named_or_harmless(policy: dict[str, Any], contract: dict[str, Any]) -> None:
    for parse, document, place in ((Policy.parse, policy, "policy"), (Contract.parse, contract, "contract")):
        try:
            parse(document)
        except InvalidRequestError as error:
            assert str(error).startswith(f"{place}.json")  # noqa: PT017


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda f: f.text("n"), "p: n must be a string"),
        (lambda f: f.text("s", maximum=1), "at most 1 characters"),
        (lambda f: f.line("t", maximum=9), "t must be plain text on one line"),
        (lambda f: f.prose("e", maximum=9), "e must be plain text"),
        (lambda f: f.number("yes"), "must be a number, not true"),
        (lambda f: f.number("n", above=1.5), "must be above 1.5, not 1.5"),
        (lambda f: f.number("n", below=1.5), "must be below 1.5"),
        (lambda f: f.integer("n", minimum=0, maximum=9), "must be a whole number, not 1.5"),
        (lambda f: f.choice("s", ("x",)), 'must be one of x, not "ab"'),
        (lambda f: f.object("l"), "p: l must be a JSON object"),
        (lambda f: list(f.objects("l")), r"l\[0\] must be a JSON object"),
        (lambda f: f.list("s"), "must be a list"),
        (lambda f: f.value("gone"), "gone is missing"),
        (lambda f: f.end(), "n is not a key that is known here"),
    ],
)
def test_fields_name_the_key(call: Any, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        call(Fields({"n": 1.5, "s": "ab", "yes": True, "l": [1], "t": "a\nb", "e": "a\x1b[2J"}, "p"))


SPACES = "good\u00a0so\u202ffar\u3000then"
EMOJI = "\U0001f469\u200d\U0001f680 \u2764\ufe0f \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
"""An astronaut, a red heart, and a Persian word: joined, kept apart, and in a variant."""


def test_spaces_of_other_widths_are_spaces_and_joined_characters_are_text() -> None:
    given = Fields({"spaces": SPACES, "emoji": EMOJI}, "p")
    assert given.line("spaces", maximum=99) == given.prose("spaces", maximum=99) == "good so far then"
    assert given.line("emoji", maximum=99) == given.prose("emoji", maximum=99) == EMOJI


@pytest.mark.parametrize(
    ("character", "named"),
    [
        ("\u202e", r"U\+202E \(right-to-left override\)"),
        ("\u2066", r"U\+2066 \(left-to-right isolate\)"),
        ("\u200f", r"U\+200F \(right-to-left mark\)"),
        ("\u2028", r"U\+2028 \(line separator\)"),
        ("\u2029", r"U\+2029 \(paragraph separator\)"),
        ("\u200b", r"U\+200B \(zero width space\)"),
        ("\x85", r"U\+0085"),
        ("\r", r"U\+000D"),
        ("\x1b", r"U\+001B"),
        ("\ud800", r"U\+D800"),
    ],
)
def test_what_steers_a_text_is_refused_by_name(character: str, named: str) -> None:
    given = Fields({"t": f"fine{character}txt.exe"}, "p")
    for read in (given.line, given.prose):
        with pytest.raises(InvalidRequestError, match=f"t must be plain text.*, without {named}$"):
            read("t", maximum=99)


def test_a_text_that_shows_nothing_is_empty() -> None:
    for text in (" \u00a0", "\u200d", " \u200c "):
        with pytest.raises(InvalidRequestError, match="not empty"):
            Fields({"t": text}, "p").line("t", maximum=9)


@pytest.mark.parametrize("key", ["a\n\nhttps://evil.example", "x" * 1000, "\u202e"])
def test_a_key_stands_in_a_message_on_one_line_and_short(key: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Fields({key: 1}, "p").end()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 150


def test_what_a_person_wrote_may_have_several_lines() -> None:
    assert Fields({"t": "a\n\tb"}, "p").prose("t", maximum=9) == "a\n\tb"


def test_hyperparameters_are_json_in_strings() -> None:
    encoded = encode_hyperparameters({"a": 1, "b": "x", "c": True, "d": 0.5}, "s3://b/k", "eu-west-1")
    assert encoded == {
        "a": "1",
        "b": '"x"',
        "c": "true",
        "d": "0.5",
        "sagemaker_program": '"train.py"',
        "sagemaker_submit_directory": '"s3://b/k"',
        "sagemaker_region": '"eu-west-1"',
    }


@pytest.mark.parametrize("minutes", [0, -1, 14 * 24 * 60 + 1])
def test_the_grace_time_outlasts_the_requests_under_way(minutes: int) -> None:
    Policy.parse({**POLICY, "production": {"graceMinutes": 1}})
    with pytest.raises(InvalidRequestError, match=r"production\.graceMinutes must be at"):
        Policy.parse({**POLICY, "production": {"graceMinutes": minutes}})


def test_the_toolkits_own_hyperparameters_are_not_the_users() -> None:
    policy = json.loads(json.dumps(POLICY))
    policy["training"]["hyperparameters"]["sagemaker_program"] = "evil.py"
    with pytest.raises(InvalidRequestError, match=r"training\.hyperparameters\.sagemaker_program"):
        Policy.parse(policy)


def test_a_drops_digest_tells_content_apart_and_knows_no_order() -> None:
    first = [DroppedFile("a.csv", "1", 5, "v1"), DroppedFile("b.csv", "2", 6, "v1")]
    manifest = Manifest(("a.csv", "b.csv"))
    base = data_digest(manifest, first)
    assert data_digest(manifest, first[::-1]) == base
    assert data_digest(manifest, [first[0], DroppedFile("b.csv", "2", 6, "v9")]) == base
    assert data_digest(manifest, [first[0], DroppedFile("b.csv", "3", 6, "v1")]) != base
    assert data_digest(manifest, [first[0], DroppedFile("b.csv", "2", 7, "v1")]) != base
    assert data_digest(Manifest(("a.csv", "b.csv"), "other"), first) != base
