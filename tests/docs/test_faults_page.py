"""docs/faults.md is in step with the machines: every Task state has a row for every kind of fault."""

from __future__ import annotations

import pytest

from tests.e2e.faults.rows import PAGE, REHEARSED, WHOLE, rows_of
from tests.e2e.faults.states import KINDS, labels, words_of

ROWS = rows_of(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("state", labels())
def test_every_state_was_struck_by_every_kind_of_fault(state: str) -> None:
    tried = {row["fault"] for row in ROWS if row["state"] == state}
    missing = [words for kind, made in KINDS if (words := words_of(kind, made)) not in tried]
    assert not missing, "`make test-faults` writes them"


def test_no_row_is_about_a_state_that_is_gone() -> None:
    others = {row["state"] for row in ROWS} - set(labels())
    assert not {state for state in others if state[:1].isupper()}


def test_faults_were_tried_on_the_whole_app_too() -> None:
    assert {row["how tried"] for row in ROWS} == {REHEARSED, WHOLE}


def test_every_row_holds() -> None:
    assert [row for row in ROWS if "**" in row["outcome"]] == []
