"""model/README.md's table of policy.json: it has every key that the parser reads, no other, and the right defaults."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from safe_deploy.domain.fields import Fields
from safe_deploy.domain.policy import LIMITS, ApprovalPolicy, Policy
from safe_deploy.errors import InvalidRequestError

from tests.fakes.story import POLICY, ROOT

ANY = "<name>"
"""Stands for a name that users choose."""
STRATEGIES = (
    {"type": "canary", "percent": 10, "minutes": 5},
    {"type": "linear", "percent": 10, "everyMinutes": 1},
    {"type": "allAtOnce", "reason": "nothing to compare with"},
)
SLICES = [{"name": "Size", "column": "size", "bands": [1]}, {"column": "rooms", "labels": {ANY: "one"}}]


def documents() -> Iterator[dict[str, Any]]:
    """Policies that have, together, every key that can be had; optional ones, too."""
    for strategy in STRATEGIES:
        yield {
            **copy.deepcopy(POLICY),
            "training": {"hyperparameters": {ANY: 1}, "maximumSeconds": 600},
            "metrics": {ANY: {"better": "lower"}},
            "gates": [{"metric": ANY, limit: 1.0} for limit in LIMITS],
            "slices": copy.deepcopy(SLICES),
            "prices": {"currency": "USD", "source": "a list", "perInstanceHour": {ANY: 1.0}},
            "approval": {"required": 1, "requesterMayApprove": True, "hours": 5},
            "canary": {**POLICY["canary"], "strategy": dict(strategy)},
            "overridable": ["canary.strategy"],
        }


def table() -> dict[str, str]:
    """The default of each key, as the table has it."""
    section = (ROOT / "model/README.md").read_text().split("## policy.json, key by key\n", 1)[1].split("\n## ", 1)[0]
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| [^|]+ \|$", section, re.M)
    assert len(rows) == len(re.findall(r"^\| `", section, re.M)), "a row has another form"
    assert len(rows) == len(dict(rows)), "a key stands there twice"
    return dict(rows)


def read_keys(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The keys that the parser asks for, whether it finds them or not; those that hold others are left out."""
    asked: set[str] = set()

    def noting(name: str) -> None:
        method = getattr(Fields, name)

        def noted(self: Fields, key: str) -> Any:
            asked.add(re.sub(r"\[\d+\]", "[]", self.name_of(key)))
            return method(self, key)

        monkeypatch.setattr(Fields, name, noted)

    noting("value")
    noting("__contains__")
    for document in documents():
        Policy.parse(document)
    return {key for key in asked if not any(other.startswith((f"{key}.", f"{key}[")) for other in asked)}


def without(document: Any, key: str) -> bool:
    """Take a key out of a document, wherever it stands; whether it did."""
    head, _, rest = key.partition(".")
    if head.endswith("[]"):
        found = [without(entry, rest) for entry in document.get(head[:-2], [])]
        return any(found)
    if not rest:
        return document.pop(head, None) is not None
    return head in document and without(document[head], rest)


def test_the_table_has_the_keys_that_the_parser_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(table()) == read_keys(monkeypatch)


@pytest.mark.parametrize("key", sorted(table()))
def test_a_key_is_needed_where_the_table_says_so(key: str) -> None:
    refused = []
    for document in documents():
        if without(document, key):
            try:
                Policy.parse(document)
                refused.append(False)
            except InvalidRequestError:
                refused.append(True)
    assert refused, "no document has it"
    assert all(refused) == any(refused) == table()[key].startswith("needed")


def test_the_sections_that_may_be_left_out_are_named() -> None:
    optional = set()
    for section in next(documents()):
        document = next(documents())
        del document[section]
        try:
            Policy.parse(document)
            optional.add(section)
        except InvalidRequestError:
            continue
    words = re.search(r"Every section has to be\s+there but ([^.]*)\.", (ROOT / "model/README.md").read_text())
    assert words
    assert set(re.findall(r"`(\w+)`", words[1])) == optional


def test_defaults_are_the_codes() -> None:
    usual, found = ApprovalPolicy(), table()
    assert found["approval.required"] == f"needed; {usual.required} without `approval`"
    assert (
        found["approval.requesterMayApprove"]
        == f"needed; `{str(usual.requester_may_approve).lower()}` without `approval`"
    )
    assert usual.hours is None
    assert found["approval.hours"] == "the stack's `ApprovalHours`"
