"""The graph: nothing begins before what it depends on, nothing is lost, failures stop what they should."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localaws.cloudformation.graph import WORKERS, order, walk
from localaws.errors import AwsError


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, set[str]]:
    """Random graphs without circles: a node depends on earlier ones only."""
    size = draw(st.integers(1, 10))
    return {
        str(node): {str(other) for other in draw(st.sets(st.integers(0, node - 1)))} if node else set()
        for node in range(size)
    }


def run(graph: dict[str, set[str]], failing: set[str], *, keep_going: bool = False) -> tuple[list[str], set[str]]:
    begun: list[str] = []
    finished: set[str] = set()
    lock = threading.Lock()

    def work(node: str) -> None:
        with lock:
            assert graph[node] <= finished, f"{node} began before {graph[node] - finished}"
            begun.append(node)
        if node in failing:
            raise ValueError(node)
        with lock:
            finished.add(node)

    failures = walk(graph, work, threading.Event(), keep_going=keep_going)
    return begun, set(failures)


@settings(deadline=None, max_examples=60)
@given(graphs())
def test_everything_is_done_once_and_in_order(graph: dict[str, set[str]]) -> None:
    begun, failed = run(graph, set())
    assert sorted(begun) == sorted(graph)
    assert failed == set()


@settings(deadline=None, max_examples=60)
@given(graphs(), st.data())
def test_with_keep_going_exactly_the_dependents_of_failures_are_left_out(
    graph: dict[str, set[str]], data: st.DataObject
) -> None:
    failing = data.draw(st.sets(st.sampled_from(sorted(graph))))
    left_out: set[str] = set()
    for node in sorted(graph, key=int):
        if graph[node] & (failing | left_out):
            left_out.add(node)
    begun, failed = run(graph, failing, keep_going=True)
    assert set(begun) == set(graph) - left_out
    assert failed == failing - left_out


def test_after_a_failure_nothing_new_begins() -> None:
    begun, failed = run({"a": set(), "b": {"a"}, "c": {"b"}}, {"b"})
    assert (begun, failed) == (["a", "b"], {"b"})


def test_independent_nodes_run_side_by_side_but_bounded() -> None:
    together = threading.Barrier(WORKERS, timeout=60)

    def meet(_: str) -> None:
        together.wait()

    walk({str(n): set() for n in range(WORKERS)}, meet, threading.Event())
    assert not together.broken


def test_nothing_begins_when_stopping() -> None:
    stopping = threading.Event()
    stopping.set()
    assert walk({"a": set()}, lambda _: pytest.fail("began"), stopping) == {}


def test_a_circle_is_named() -> None:
    with pytest.raises(AwsError, match=r"Circular dependency between resources: \[A, B\]"):
        order({"A": {"B"}, "B": {"A"}, "C": set()})
