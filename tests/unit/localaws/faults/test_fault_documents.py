"""What is a fault and what is refused, in words; whom it matches and how often it strikes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from localaws.faults.fault import Fault, FaultError
from localaws.faults.places import PLACES
from localaws.faults.registry import Faults

THROTTLE: dict[str, Any] = {"place": "call", "match": {"service": "sagemaker"}, "effect": {"kind": "throttle"}}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "the fault must be an object"),
        ({}, "place must be one of call, function"),
        ({"place": "network"}, "not 'network'"),
        ({"place": "call"}, "effect must be an object"),
        ({**THROTTLE, "effect": {"kind": "explode"}}, "throttle"),
        ({**THROTTLE, "effect": {"kind": "throttle", "milliseconds": 5}}, "effect has no milliseconds"),
        ({**THROTTLE, "effect": {"kind": "delay"}}, "needs milliseconds"),
        ({**THROTTLE, "effect": {"kind": "delay", "milliseconds": -1}}, "a whole number of at least 0"),
        ({**THROTTLE, "effect": {"kind": "delay", "milliseconds": True}}, "a whole number of at least 0"),
        ({**THROTTLE, "effect": {"kind": "error", "code": ""}}, "effect.code must be text"),
        ({**THROTTLE, "every": 2}, "the fault has no every"),
        ({**THROTTLE, "times": 0}, "times must be a whole number of at least 1"),
        ({**THROTTLE, "skip": 1.5}, "skip must be a whole number"),
        ({**THROTTLE, "match": {"service": "sagmaker"}}, "no service 'sagmaker'"),
        ({**THROTTLE, "match": {"service": "sagemaker", "operation": "MakeModel"}}, "no operation 'MakeModel'"),
        ({**THROTTLE, "match": {"endpoint": "*"}}, "match has no endpoint"),
        ({**THROTTLE, "match": {"principal": 5}}, "match of principal must be a pattern"),
        ({"place": "task", "match": {"parameters": {}}, "effect": {"kind": "hold", "made": True}}, "no parameters"),
        ({"place": "task", "effect": {"kind": "hold"}}, "needs made"),
    ],
)
def test_what_is_not_exactly_a_fault_is_refused_with_the_reason(document: Any, words: str) -> None:
    with pytest.raises(FaultError, match=re.escape(words)):
        Fault.read(document)


def test_a_fault_is_shown_as_it_was_read() -> None:
    match = {"service": "sagemaker", "operation": "Create*", "parameters": {"EndpointName": "*-prod"}}
    effect = {"kind": "error", "code": "ValidationException", "message": "no", "status": 400}
    document = {"place": "call", "match": match, "effect": effect, "skip": 1, "times": 2}
    shown = Fault.read(document).to_json()
    assert {name: shown[name] for name in document} == document
    assert (shown["matched"], shown["struck"]) == (0, 0)


def test_it_skips_strikes_and_then_lets_pass() -> None:
    faults = Faults()
    fault = faults.add(Fault.read({**THROTTLE, "skip": 2, "times": 2}))
    facts = {"service": "sagemaker", "operation": "CreateModel", "principal": "arn"}
    struck = [faults.strike("call", facts) is not None for _ in range(6)]
    assert struck == [False, False, True, True, False, False]
    assert (fault.matched, fault.struck) == (6, 2)


def test_it_strikes_only_what_matches_in_every_part() -> None:
    faults = Faults()
    match = {
        "service": "dynamodb",
        "principal": "*:role/*TakeLock*",
        "parameters": {"Item.pk.S": "LOCK", "TableName": "t*"},
    }
    faults.add(Fault.read({**THROTTLE, "match": match}))
    facts = {"service": "dynamodb", "operation": "PutItem", "principal": "arn:aws:iam::1:role/app-TakeLockRole"}
    params = {"TableName": "table", "Item": {"pk": {"S": "LOCK"}}}
    assert faults.strike("call", facts, params)
    assert not faults.strike("call", facts, {**params, "Item": {"pk": {"S": "RELEASE"}}})
    assert not faults.strike("call", facts, {"TableName": "table"})
    assert not faults.strike("call", {**facts, "principal": "arn:aws:iam::1:role/other"}, params)
    assert not faults.strike("job", facts, params)


def test_the_first_that_strikes_wins_and_one_can_be_taken_away() -> None:
    faults = Faults()
    first = faults.add(Fault.read({**THROTTLE, "times": 1}))
    second = faults.add(Fault.read({**THROTTLE, "effect": {"kind": "drop"}}))
    facts = {"service": "sagemaker"}
    kinds = [(faults.strike("call", facts) or {})["kind"] for _ in range(2)]
    assert kinds == ["throttle", "drop"]
    assert faults.remove(second.identity) == 1
    assert faults.remove(second.identity) == 0
    assert faults.strike("call", facts) is None
    assert faults.standing() == (first,)
    assert faults.remove() == 1


def test_every_place_can_be_matched_and_has_an_effect() -> None:
    for place in PLACES.values():
        assert place.facts
        assert place.effects
        assert all(effect.required <= effect.members.keys() for effect in place.effects.values())
