"""Names, states, source archives, capture, golden rows, links and notices keep their rules."""

from __future__ import annotations

import io
import json
import re
import tarfile
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safe_deploy.domain.approval import Link
from safe_deploy.domain.capture import captured_at, hour_prefixes, parse_line, within
from safe_deploy.domain.golden import GoldenRows, Latency, disagreement, parse_scores, to_csv
from safe_deploy.domain.live import Alias, LiveVersion, change_since
from safe_deploy.domain.monitoring import Window, iso, parse_time, run_name
from safe_deploy.domain.names import MODEL_NAME_LIMIT, Names, check_model_name, check_release_id, split_uri
from safe_deploy.domain.notices import Notice
from safe_deploy.domain.release import AFTER_LIVE, STEPS, Champion, State, is_final, may_precede
from safe_deploy.domain.source import TRAINING_PROGRAM, archive, code_digest
from safe_deploy.errors import InvalidRequestError, ModelAnswerError

from tests.fakes.story import FIRST, capture_line

TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
NUMBERS = st.floats(-1e12, 1e12, allow_nan=False)

# ---- names ----

SAGEMAKER_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


@given(st.from_regex(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*){0,3}", fullmatch=True))
def test_every_name_is_one_that_aws_takes_and_iam_can_scope(model_name: str) -> None:
    name = model_name[:MODEL_NAME_LIMIT].rstrip("-")
    names = Names.of(name, FIRST)
    for found in (
        *names.to_output().values(),
        names.monitoring_job(run_name(datetime(2026, 1, 31, tzinfo=UTC), "an execution")),
    ):
        assert SAGEMAKER_NAME.fullmatch(found)
        assert found.startswith(f"{name}-2")
        assert not re.match(rf"{name}-[a-z]", found)


@pytest.mark.parametrize("name", ["", "A", "a--b", "-a", "a-", "2a", "a-2b", "a_b", "a" * 25, "a\n"])
def test_a_wrong_model_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError):
        check_model_name(name)


@pytest.mark.parametrize("given_id", [None, 5, "", "latest", FIRST + "0", FIRST + "\n", FIRST.upper()])
def test_a_wrong_release_id_is_refused(given_id: object) -> None:
    with pytest.raises(InvalidRequestError):
        check_release_id(given_id)


def test_uris_are_split() -> None:
    assert split_uri("s3://bucket/a/b") == ("bucket", "a/b")
    for wrong in ("https://bucket/a", "s3:///a", "bucket/a"):
        with pytest.raises(InvalidRequestError):
            split_uri(wrong)


# ---- states ----


def test_states_follow_each_other_legally() -> None:
    ends = [state for state in State if is_final(state) and state not in AFTER_LIVE]
    for place, state in enumerate(STEPS):
        assert set(may_precede(state)) == set(STEPS[: place + 1])
    for end in ends:
        assert set(may_precede(end)) == {*STEPS, end}
    assert set(may_precede(State.RETIRED)) == {State.LIVE, State.RETIRED}
    assert State.LIVE in may_precede(State.ROLLED_BACK)
    for state in State:
        assert state in may_precede(state)


def test_a_change_of_production_is_told() -> None:
    champion = Champion("a", "a-prod", "2", "s3://b/m")
    assert change_since(champion, "2", Alias(LiveVersion("2", "a", "a-prod"))) is None
    assert change_since(None, "1", Alias(LiveVersion("1", "none", "none"))) is None
    assert "serves from b" in str(change_since(champion, "2", Alias(LiveVersion("3", "b", "b-prod"))))
    assert "version 3" in str(change_since(champion, "2", Alias(LiveVersion("3", "a", "a-prod"))))
    assert "no release" in str(change_since(champion, "2", Alias(LiveVersion("1", "", ""))))


# ---- the source ----


def test_an_archive_is_the_same_whatever_the_order_and_opens() -> None:
    source = {"model/train.py": b"1", "jobs/train.py": b"22", "jobs/deep/x.py": b"333", "model/policy.json": b"{}"}
    packed = archive(source)
    assert archive(dict(reversed(source.items()))) == packed
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        found = {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]
    assert found == {**source, TRAINING_PROGRAM: b"22"}


def test_a_code_digest_tells_names_and_contents_apart() -> None:
    base = code_digest({"a": b"1", "b": b"2"})
    assert code_digest({"b": b"2", "a": b"1"}) == base
    assert len({base, code_digest({"a": b"2", "b": b"1"}), code_digest({"a": b"12"}), code_digest({})}) == 4


# ---- capture ----


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=5), st.sampled_from(["\n", ","]))
def test_a_capture_line_gives_back_rows_and_scores(rows: list[tuple[float, float]], between: str) -> None:
    scores = between.join(repr(sum(row)) for row in rows)
    call = parse_line(capture_line(to_csv(rows), scores, "2026-01-31T12:00:00Z"))
    assert call is not None
    assert list(call.rows) == rows
    assert call.scores == tuple(sum(row) for row in rows)


def test_a_base64_line_is_read_too() -> None:
    line = json.loads(capture_line("MSwyCg==", "My4wCg==", "2026-01-31T12:00:00Z"))
    for part in line["captureData"].values():
        part["encoding"] = "BASE64"
    call = parse_line(json.dumps(line).encode())
    assert call is not None
    assert (call.rows, call.scores) == (((1.0, 2.0),), (3.0,))


@given(st.binary(max_size=100))
def test_no_line_breaks_the_parser(line: bytes) -> None:
    assert parse_line(line) is None


@pytest.mark.parametrize(
    ("rows", "answer"),
    [("1,x\n", "1\n"), ("", ""), ("1,2\n3,4\n", "1\n"), ("1,2\n", "nan\n"), ("1,2\n", "no\n")],
)
def test_calls_that_failed_are_left_out(rows: str, answer: str) -> None:
    assert parse_line(capture_line(rows, answer, "2026-01-31T12:00:00Z")) is None


@given(TIMES, st.timedeltas(timedelta(minutes=1), timedelta(days=3)), TIMES)
def test_every_file_of_a_window_lies_under_one_of_its_hours(
    start: datetime, length: timedelta, moment: datetime
) -> None:
    key = f"capture/e/AllTraffic/{moment:%Y/%m/%d/%H/%M-%S}-000-abc.jsonl"
    prefixes = list(hour_prefixes("e", start, start + length))
    assert len(prefixes) == len(set(prefixes))
    if within(key, start, start + length):
        assert any(key.startswith(prefix) for prefix in prefixes)
    assert captured_at(key) == moment.replace(microsecond=0)


@pytest.mark.parametrize("key", ["capture/e/x.jsonl", "2026/13/01/00/00-00-000-a.jsonl", "2026/01/01/00/x.jsonl"])
def test_other_keys_have_no_time(key: str) -> None:
    assert captured_at(key) is None


# ---- golden rows ----


def test_golden_rows_keep_whole_numbers_whole() -> None:
    golden = GoldenRows.parse({"columns": ["a", "b"], "rows": [[1, 2.5]], "labels": [3]})
    assert to_csv(golden.rows) == "1,2.5\n"


@pytest.mark.parametrize("rows", [[], [[1]], [[1, "2"]], [[1, True]], "x", [None]])
def test_wrong_golden_rows_are_refused(rows: object) -> None:
    with pytest.raises(InvalidRequestError, match=r"golden\.json"):
        GoldenRows.parse({"columns": ["a", "b"], "rows": rows, "labels": []})


@given(st.lists(NUMBERS, max_size=20), st.sampled_from(["\n", ","]))
def test_scores_are_read_back(scores: list[float], between: str) -> None:
    text = between.join(map(repr, scores)).encode()
    assert parse_scores(text, len(scores)) == scores
    assert disagreement(scores, scores) is None
    with pytest.raises(ModelAnswerError):
        parse_scores(text, len(scores) + 1)


def test_scores_may_differ_by_rounding_only() -> None:
    assert disagreement([9.5000001, 0.0], [9.5, 0.000001]) is None
    assert disagreement([9.5, 9.5], [9.5, 9.501]) == 1


@given(st.lists(st.floats(0, 1000), min_size=2, max_size=300))
def test_latency_leaves_out_the_first_call_and_is_a_call_that_was(milliseconds: list[float]) -> None:
    latency = Latency.of(milliseconds)
    assert latency.p50 in milliseconds[1:]
    assert latency.p99 in milliseconds[1:]
    assert latency.p50 <= latency.p99 <= max(milliseconds[1:])
    assert Latency.of([10**9, *milliseconds[1:]]) == latency


@pytest.mark.parametrize(
    ("calls", "slow", "fails"),
    [(1, 1, True), (20, 0, False), (20, 1, False), (20, 2, True), (50, 2, False), (50, 3, True), (20, 20, True)],
)
def test_a_limit_is_broken_by_more_slow_calls_than_chance_explains(calls: int, slow: int, fails: bool) -> None:
    failure = Latency.of([0.0, *[10.0] * (calls - slow), *[501.0] * slow]).failure(500)
    assert (failure is not None) == fails
    if failure:
        assert f"above the limit 500 ms in {slow} of {calls} calls" in failure


# ---- links, windows, notices ----


def test_links_are_not_guessable_and_their_tokens_not_each_others() -> None:
    links = [Link.create() for _ in range(200)]
    assert len({link.approval_id for link in links}) == len({link.secret for link in links}) == 200
    assert all(link.is_well_formed for link in links)
    first, second = links[:2]
    assert first.admits_form(first.form_token(0), 0)
    assert not first.admits_form(second.form_token(0), 0)
    assert not first.admits_form(first.form_token(0), 1)
    assert not first.admits_form("", 0)


@given(TIMES)
def test_a_window_is_the_last_full_hour_until_now(now: datetime) -> None:
    window = Window.asked(None, None, now)
    assert window.end == now
    assert timedelta(hours=1) <= now - window.start < timedelta(hours=2)
    assert (window.start.minute, window.start.second) == (0, 0)
    assert parse_time(iso(now), "now") == now.replace(microsecond=0)


@given(st.text(max_size=300), st.text(max_size=50))
def test_a_subject_is_always_one_that_sns_takes(subject: str, text: str) -> None:
    notice = Notice.of(f"m: {subject}", text)
    assert 1 <= len(notice.subject) <= 100
    assert notice.subject.isascii()
    assert notice.subject.isprintable()
    assert notice.text.endswith("\n")
