"""Operations on stacks with handlers that only remember: order, replacement, rollback, deletion."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from localaws.cloudformation import plan as plans
from localaws.cloudformation.changes import foresee
from localaws.cloudformation.errors import ResourceFailedError
from localaws.cloudformation.handler import Context, Made, Properties, ResourceType
from localaws.cloudformation.operations import Operation
from localaws.cloudformation.parameters import resolve
from localaws.cloudformation.plan import Plan
from localaws.cloudformation.resources import TYPES
from localaws.cloudformation.shapes import FREE
from localaws.cloudformation.stacks import Stack
from localaws.settings import Settings


class Box(ResourceType):
    """A resource that exists in a dictionary. `Break` fails its create, half of it, update or delete."""

    type = "Test::Box"
    properties = dict.fromkeys(("Name", "Value", "Link", "Break", "Tags"), FREE)
    create_only = frozenset({"Name"})
    attributes = frozenset({"Arn"})
    name_property = "Name"

    def __init__(self) -> None:
        self.world: dict[str, dict[str, Any]] = {}
        self.log: list[str] = []
        self.lock = threading.Lock()
        self.count = 0

    def create(self, at: Context, wanted: Properties) -> Made:
        if wanted.get("Break") == "create":
            raise ResourceFailedError("can't")
        with self.lock:
            self.count += 1
            name = str(wanted.get("Name") or f"{at.logical_id}-{self.count}")
            self.world[name] = dict(wanted)
            self.log.append(f"create {name}")
        at.made(name)
        if wanted.get("Break") == "half":
            raise ResourceFailedError("half-way")
        return Made(name, {"Arn": f"arn:{name}"})

    def update(self, at: Context, physical_id: str, old: Properties, wanted: Properties) -> Made:
        with self.lock:
            self.world[physical_id] = dict(wanted)
            self.log.append(f"update {physical_id}")
        if wanted.get("Break") == "update":
            raise ResourceFailedError("no update")
        return Made(physical_id, {"Arn": f"arn:{physical_id}"})

    def delete(self, at: Context, physical_id: str, properties: Properties) -> None:
        if properties.get("Break") == "delete":
            raise ResourceFailedError("stuck")
        with self.lock:
            del self.world[physical_id]
            self.log.append(f"delete {physical_id}")


class FakeWorld:
    def __init__(self, tmp: Any) -> None:
        self.settings = Settings(home=tmp, lambda_python=tmp, jobs_python=tmp)

    def client(self, service: str, **_: Any) -> Any:
        raise AssertionError(f"nobody needs {service} here")


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Box:
    handler = Box()
    monkeypatch.setitem(TYPES, Box.type, handler)
    return handler


@pytest.fixture
def world(tmp_path: Any) -> Any:
    return FakeWorld(tmp_path)


def a_plan(resources: Mapping[str, dict[str, Any]], tags: Mapping[str, str] | None = None, **outputs: Any) -> Plan:
    body = {
        "Resources": {
            name: {
                "Type": Box.type,
                "Properties": {k: v for k, v in given.items() if k not in ("DeletionPolicy", "UpdateReplacePolicy")},
                **{k: given[k] for k in ("DeletionPolicy", "UpdateReplacePolicy") if k in given},
            }
            for name, given in resources.items()
        },
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    return plans.build("", body, resolve({}, [], None), {"AWS::Region": "us-east-1"}, tags or {})


class Account:
    """One stack, driven without threads."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.stack = Stack("s", "arn:stack")

    def create(self, plan: Plan, on_failure: str = "ROLLBACK") -> Stack:
        self.stack.adopt(plan, [], None)
        self.stack.set_status("CREATE_IN_PROGRESS")
        Operation(self.world, self.stack, threading.Event()).create(plan, on_failure)
        return self.stack

    def update(self, plan: Plan) -> Stack:
        self.stack.set_status("UPDATE_IN_PROGRESS")
        Operation(self.world, self.stack, threading.Event()).update(plan, [])
        return self.stack

    def delete(self, *retained: str) -> Stack:
        self.stack.set_status("DELETE_IN_PROGRESS")
        Operation(self.world, self.stack, threading.Event()).delete(retained)
        return self.stack

    def statuses(self, logical_id: str) -> list[str]:
        return [event.status for event in self.stack.events if event.logical_id == logical_id]


@pytest.fixture
def account(world: Any, box: Box) -> Account:
    return Account(world)


CHAIN: dict[str, dict[str, Any]] = {
    "A": {},
    "B": {"Link": {"Ref": "A"}},
    "C": {"Link": {"Fn::GetAtt": ["B", "Arn"]}},
}


def test_a_stack_is_made_in_order_and_deleted_in_reverse(account: Account, box: Box) -> None:
    stack = account.create(a_plan(CHAIN, Last={"Fn::Sub": "${C}!"}))
    assert stack.status == "CREATE_COMPLETE"
    assert box.log == ["create A-1", "create B-2", "create C-3"]
    assert box.world["C-3"]["Link"] == "arn:B-2"
    assert stack.outputs["Last"]["Value"] == "C-3!"
    assert account.statuses("A") == ["CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", "CREATE_COMPLETE"]
    account.delete()
    assert stack.status == "DELETE_COMPLETE"
    assert box.log[3:] == ["delete C-3", "delete B-2", "delete A-1"]
    assert box.world == {}


def test_a_failed_creation_is_rolled_back_even_half_made_ones(account: Account, box: Box) -> None:
    stack = account.create(a_plan({**CHAIN, "C": {"Link": {"Ref": "B"}, "Break": "half"}}))
    assert stack.status == "ROLLBACK_COMPLETE"
    assert box.world == {}
    assert box.log[-3:] == ["delete C-3", "delete B-2", "delete A-1"]
    assert account.statuses("C")[-3:] == ["CREATE_FAILED", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"]
    rollback = next(event for event in stack.events if event.status == "ROLLBACK_IN_PROGRESS")
    assert rollback.reason == "The following resource(s) failed to create: [C]. Rollback requested by user."


def test_retained_resources_survive_a_rollback_except_on_create(account: Account, box: Box) -> None:
    kept = {"A": {"DeletionPolicy": "Retain"}, "B": {"DeletionPolicy": "RetainExceptOnCreate"}}
    account.create(a_plan({**kept, "C": {"Link": [{"Ref": "A"}, {"Ref": "B"}], "Break": "create"}}))
    assert {name[0] for name in box.world} == {"A"}
    assert account.statuses("A")[-1] == "DELETE_SKIPPED"


@pytest.mark.parametrize(("choice", "status"), [("DO_NOTHING", "CREATE_FAILED"), ("DELETE", "DELETE_COMPLETE")])
def test_what_a_failed_creation_leaves(account: Account, box: Box, choice: str, status: str) -> None:
    stack = account.create(a_plan({"A": {}, "B": {"Link": {"Ref": "A"}, "Break": "create"}}), choice)
    assert stack.status == status
    assert list(box.world) == (["A-1"] if choice == "DO_NOTHING" else [])


def test_an_update_touches_only_what_differs_then_removes(account: Account, box: Box) -> None:
    account.create(a_plan({**CHAIN, "Old": {}}))
    box.log.clear()
    stack = account.update(a_plan({**CHAIN, "B": {"Link": {"Ref": "A"}, "Value": 1}, "New": {"Link": {"Ref": "C"}}}))
    assert stack.status == "UPDATE_COMPLETE"
    assert box.log[0].startswith("update B")
    assert box.log[1].startswith("create New")
    assert box.log[2].startswith("delete Old")
    assert len(box.log) == 3
    assert set(stack.resources) == {"A", "B", "C", "New"}


def test_a_replacement_is_made_first_and_the_old_one_goes_last(account: Account, box: Box) -> None:
    account.create(a_plan({"A": {"Name": "one"}, "B": {"Link": {"Ref": "A"}}}))
    box.log.clear()
    account.update(a_plan({"A": {"Name": "two"}, "B": {"Link": {"Ref": "A"}}}))
    assert box.log == ["create two", "update B-2", "delete one"]
    assert box.world["B-2"]["Link"] == "two"


def test_a_replaced_resource_may_be_retained(account: Account, box: Box) -> None:
    account.create(a_plan({"A": {"Name": "one", "UpdateReplacePolicy": "Retain"}}))
    account.update(a_plan({"A": {"Name": "two", "UpdateReplacePolicy": "Retain"}}))
    assert set(box.world) == {"one", "two"}


def test_a_named_resource_cannot_be_replaced_under_its_name(
    account: Account, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Box, "create_only", frozenset({"Name", "Value"}))
    account.create(a_plan({"A": {"Name": "one", "Value": 1}}))
    stack = account.update(a_plan({"A": {"Name": "one", "Value": 2}}))
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert any("custom-named resource" in (event.reason or "") for event in stack.events)
    assert box.world == {"one": {"Name": "one", "Value": 1}}


def test_a_failed_update_gives_everything_back(account: Account, box: Box) -> None:
    first: dict[str, dict[str, Any]] = {
        "A": {"Name": "one"},
        "B": {"Link": {"Ref": "A"}, "Value": 1},
        "Gone": {},
    }
    account.create(a_plan(first, tags={"v": "1"}))
    before = {name: dict(content) for name, content in box.world.items()}
    resources = dict(account.stack.resources)
    second: dict[str, dict[str, Any]] = {
        "A": {"Name": "two"},
        "B": {"Link": {"Ref": "A"}, "Value": 2},
        "New": {"Link": {"Ref": "B"}},
        "Bad": {"Link": {"Ref": "New"}, "Break": "half"},
    }
    stack = account.update(a_plan(second, tags={"v": "2"}))
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert box.world == before
    assert stack.resources == resources
    assert stack.tags == {"v": "1"}
    assert [event.status for event in stack.events if event.logical_id == "s"][-4:] == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
    ]


def test_an_update_that_fails_half_way_is_given_back_too(account: Account, box: Box) -> None:
    account.create(a_plan({"A": {"Value": 1}}))
    stack = account.update(a_plan({"A": {"Value": 2, "Break": "update"}}))
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"
    assert box.world == {"A-1": {"Value": 1}}


def test_a_rollback_that_fails_says_so(account: Account, box: Box) -> None:
    account.create(a_plan({"A": {"Value": 1, "Break": "update"}}))
    stack = account.update(a_plan({"A": {"Value": 2}, "B": {"Link": {"Ref": "A"}, "Break": "create"}}))
    assert stack.status == "UPDATE_ROLLBACK_FAILED"


def test_an_old_resource_that_cannot_be_removed_does_not_fail_an_update(account: Account, box: Box) -> None:
    account.create(a_plan({"A": {}, "Old": {"Break": "delete"}}))
    stack = account.update(a_plan({"A": {"Value": 1}}))
    assert stack.status == "UPDATE_COMPLETE"
    assert account.statuses("Old")[-1] == "DELETE_FAILED"


def test_a_deletion_that_fails_keeps_what_it_depends_on_and_can_be_finished(account: Account, box: Box) -> None:
    account.create(a_plan({"A": {}, "B": {"Link": {"Ref": "A"}, "Break": "delete"}, "C": {}}))
    stack = account.delete()
    assert (stack.status, stack.reason) == (
        "DELETE_FAILED",
        "The following resource(s) failed to delete: [B]. ",
    )
    assert {name[0] for name in box.world} == {"A", "B"}
    account.delete("B")
    assert stack.status == "DELETE_COMPLETE"
    assert {name[0] for name in box.world} == {"B"}


def test_tags_of_the_stack_reach_resources_that_can_be_tagged(account: Account, box: Box) -> None:
    account.create(a_plan({"A": {}}, tags={"v": "1"}))
    box.log.clear()
    account.update(a_plan({"A": {}}, tags={"v": "2"}))
    assert box.log == ["update A-1"]


def test_events_have_ever_later_times(account: Account) -> None:
    times = [event.timestamp for event in account.create(a_plan(CHAIN)).events]
    assert all(earlier < later for earlier, later in pairwise(times))


def actions(stack: Stack, plan: Plan) -> dict[str, tuple[str, str | None]]:
    return {
        change["LogicalResourceId"]: (change["Action"], change.get("Replacement")) for change in foresee(stack, plan)[0]
    }


def test_changes_are_foreseen(account: Account) -> None:
    stack = account.create(a_plan({"A": {"Name": "one"}, "B": {"Link": {"Ref": "A"}}, "C": {}, "D": {}}))
    after = a_plan(
        {
            "A": {"Name": "two"},
            "B": {"Link": {"Ref": "A"}},
            "C": {"Value": 1},
            "E": {},
            "F": {"Name": {"Ref": "E"}},
        }
    )
    assert actions(stack, after) == {
        "A": ("Modify", "True"),
        "B": ("Modify", "False"),
        "C": ("Modify", "False"),
        "D": ("Remove", None),
        "E": ("Add", None),
        "F": ("Add", None),
    }


def test_a_name_that_only_the_deployment_knows_makes_a_replacement_conditional(account: Account) -> None:
    stack = account.create(a_plan({"A": {"Name": "one"}, "B": {"Name": {"Ref": "A"}}}))
    after = a_plan({"A": {"Name": "two"}, "B": {"Name": {"Ref": "A"}}})
    assert actions(stack, after)["B"] == ("Modify", "Conditional")


@pytest.mark.parametrize(
    ("after", "anything"),
    [
        (a_plan, False),
        (lambda resources, **outputs: a_plan(resources, tags={"a": "b"}, **outputs), True),
        (lambda resources, **outputs: a_plan(resources, **outputs, More="x"), True),
        (
            lambda resources, **outputs: a_plan(
                {**resources, "C": {**resources["C"], "DeletionPolicy": "Retain"}}, **outputs
            ),
            True,
        ),
    ],
)
def test_nothing_to_do_is_known(account: Account, after: Any, anything: bool) -> None:
    stack = account.create(a_plan(CHAIN, Out={"Ref": "A"}))
    assert foresee(stack, after(CHAIN, Out={"Ref": "A"}))[1] is anything


def test_the_type_of_a_resource_cannot_change(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = account.create(a_plan({"A": {}}))
    other = Box()
    monkeypatch.setattr(other, "type", "Test::Other", raising=False)
    monkeypatch.setitem(TYPES, Box.type, other)
    with pytest.raises(Exception, match="Update of resource type is not permitted"):
        foresee(stack, a_plan({"A": {}}))
