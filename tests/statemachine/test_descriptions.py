"""What the model registry is told of a decision fits: SageMaker takes 1,024 characters, and the field may be longer."""

from __future__ import annotations

import pytest

from localaws.stepfunctions.testing import run
from tests.statemachine.machines import EVENT, all_well, machine

LIMIT = 1024
NAMES = " and ".join(
    f"arn:aws:iam::111122223333:user/{team * 500}/{name}" for team, name in (("x", "ada"), ("y", "bob"))
)


@pytest.mark.parametrize(("decision", "state"), [("approved", "Approve Model"), ("rejected", "Reject Model")])
def test_who_decided_is_told_to_the_registry_as_far_as_it_takes_it(decision: str, state: str) -> None:
    answer = {"decision": decision, "by": NAMES, "reason": "so", "evidenceDigest": "d1"}
    outcome = run(machine("release"), EVENT, all_well() | {"Await Decision": answer})
    (request,) = outcome.requests[state]
    assert request["ApprovalDescription"] == f"{decision} by {NAMES}"[:LIMIT]
    assert len(NAMES) > LIMIT, "it would have been too long"


def test_a_usual_name_is_told_whole() -> None:
    outcome = run(machine("release"), EVENT, all_well())
    assert outcome.requests["Approve Model"][0]["ApprovalDescription"] == "approved by Ada"
