"""docs/faults.md is in step with the machines: every Task state has a row for every kind of fault."""

from __future__ import annotations

import pytest

from tests.e2e.faults.rows import PAGE, REHEARSED, WHOLE, rows_of
from tests.e2e.faults.states import RELEASE, ROLLBACK, kinds_of, label, labels, tasks, words_of

ROWS = rows_of(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("machine", "state"), [pytest.param(m, s, id=label(m, s)) for m in (RELEASE, ROLLBACK) for s in tasks(m)]
)
def test_every_state_was_struck_by_every_kind_of_fault(machine: str, state: str) -> None:
    tried = {row["fault"] for row in ROWS if row["state"] == label(machine, state)}
    due = [words_of(kind, made) for kind, made in kinds_of(tasks(machine)[state])]
    missing = [words for words in due if words not in tried]
    assert not missing, "`make test-faults` writes them"


def test_no_row_is_about_a_state_that_is_gone() -> None:
    others = {row["state"] for row in ROWS} - set(labels())
    assert not {state for state in others if state[:1].isupper()}


def test_faults_were_tried_on_the_whole_app_too() -> None:
    assert {row["how tried"] for row in ROWS} == {REHEARSED, WHOLE}


def test_every_row_holds() -> None:
    assert [row for row in ROWS if "**" in row["outcome"]] == []
