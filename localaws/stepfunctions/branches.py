"""Work side by side: the branches of a Parallel and the iterations of a Map. Called by `states`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from localaws.stepfunctions import machine
from localaws.stepfunctions.failures import RUNTIME, Aborted, Failure
from localaws.stepfunctions.history import to_json
from localaws.stepfunctions.visit import Track, Visit

MOST_AT_ONCE = 40
"""AWS's limit on the iterations of an inline Map that run at the same time."""
_CAN_BE_ABORTED = frozenset({"Task", "Wait", "Parallel", "Map"})


@dataclass(slots=True)
class Strand:
    """One branch or iteration."""

    index: int
    track: Track
    work: Callable[[Track], Any]
    output: Any = None
    failure: Failure | None = None
    done: bool = False


def run_parallel(visit: Visit, state: machine.Parallel) -> list[Any]:
    """The outputs of the branches, in their order. Raises the first branch's `Failure`."""
    value = visit.value if state.arguments is None else visit.fill(state.arguments)
    visit.check_size(value, "arguments")
    started = visit.record("ParallelStateStarted")
    group = _Group(visit, started, most_at_once=len(state.branches))

    def walk(branch: machine.Workflow) -> Callable[[Track], Any]:
        return lambda track: visit.interpreter.walk(branch, value, track)

    outputs = group.run([(walk(branch), None) for branch in state.branches])
    group.close("ParallelStateSucceeded")
    return outputs


def run_map(visit: Visit, state: machine.Map) -> list[Any]:
    """The outputs of the iterations, in the order of the items. Raises the first `Failure`."""
    items = _items(visit, state)
    limit = visit.fill_as(state.max_concurrency, int) if state.max_concurrency else 0
    if limit < 0:
        raise visit.failure(RUNTIME, f"MaxConcurrency must not be negative: {limit}")
    started = visit.record("MapStateStarted", {"length": len(items)})
    group = _Iterations(visit, started, most_at_once=min(limit or MOST_AT_ONCE, MOST_AT_ONCE))

    def iterate(item: dict[str, Any]) -> Callable[[Track], Any]:
        def work(track: Track) -> Any:
            value = item["Value"]
            if state.item_selector is not None:
                value = visit.fill(state.item_selector, context=visit.context(item=item))
            return visit.interpreter.walk(state.processor, value, track)

        return work

    contexts = [{"Index": index, "Value": value} for index, value in enumerate(items)]
    outputs = group.run([(iterate(item), item) for item in contexts])
    group.close("MapStateSucceeded")
    return outputs


def _items(visit: Visit, state: machine.Map) -> list[Any]:
    if state.items is not None:
        items: list[Any] = visit.fill_as(state.items, list)
        return items
    if not isinstance(visit.value, list):
        raise visit.failure(RUNTIME, f"A Map's input must be an array, but was: {to_json(visit.value)}")
    return visit.value


class _Group:
    """Strands of work of which the first failure ends the others."""

    def __init__(self, visit: Visit, started: int, most_at_once: int) -> None:
        self.visit = visit
        self._latest = started
        self._most_at_once = most_at_once
        self._cancelled = visit.track.cancelled.child()
        self._ended: SimpleQueue[Strand] = SimpleQueue()

    def run(self, work: Sequence[tuple[Callable[[Track], Any], dict[str, Any] | None]]) -> list[Any]:
        """Every strand's output. No thread of it is left when this returns or raises."""
        strands = [Strand(index, self._track(item), task) for index, (task, item) in enumerate(work)]
        waiting = iter(strands)
        running = sum(self._start(strand) for strand in _some(waiting, self._most_at_once))
        first: Strand | None = None
        while running:
            strand = self._ended.get()
            running -= 1
            if first is None and strand.failure is not None:
                first = strand
                self._cancelled.set()
            elif strand.done:
                self._latest = strand.track.previous
                following = next(waiting, None) if first is None and not self._cancelled.is_set() else None
                running += 0 if following is None else self._start(following)
                self.succeeded(strand)
        self._cancelled.set()
        if first is not None and first.failure is not None:
            self._fail(strands, first)
            raise first.failure
        if not all(strand.done for strand in strands):
            self._abort(strands)
            raise Aborted
        return [strand.output for strand in strands]

    def close(self, kind: str) -> None:
        """Record that all went well; the state's exit follows from the same event as this does."""
        self.visit.interpreter.history.add(kind, self._latest)
        self.visit.track.previous = self._latest

    def started(self, strand: Strand) -> None:
        """Called before a strand begins."""

    def succeeded(self, strand: Strand) -> None:
        """Called after a strand ended well."""

    def ended_badly(self, strand: Strand, kind: str, because: int) -> None:
        """Called for a strand that failed or was aborted."""

    def _track(self, item: dict[str, Any] | None) -> Track:
        outer = self.visit.track
        return Track(outer.variables.new_child(), self._cancelled.child(), 0, item or outer.item)

    def _start(self, strand: Strand) -> int:
        strand.track.previous = self._latest
        self.started(strand)
        name = f"{self.visit.state.name}[{strand.index}]"
        threading.Thread(target=self._work, args=(strand,), daemon=True, name=name).start()
        return 1

    def _work(self, strand: Strand) -> None:
        try:
            strand.output = strand.work(strand.track)
            strand.done = True
        except Failure as failure:
            strand.failure = failure
        except Aborted:
            pass
        except Exception as error:  # noqa: BLE001 (a bug must end the execution, not this thread alone)
            strand.failure = Failure(RUNTIME, f"{type(error).__name__}: {error}")
        finally:
            self._ended.put(strand)

    def _fail(self, strands: Sequence[Strand], first: Strand) -> None:
        """Every event of the end follows from the one that failed."""
        because = first.track.previous
        for strand in strands:
            if not strand.done and strand.track.previous:
                self.ended_badly(strand, "Failed" if strand is first else "Aborted", because)
                self._abort_state(strand, because)
        kind = f"{self.visit.state.type}StateFailed"
        self.visit.track.previous = self.visit.interpreter.history.add(kind, because)

    def _abort(self, strands: Sequence[Strand]) -> None:
        for strand in strands:
            if not strand.done and strand.track.previous:
                self._abort_state(strand, strand.track.previous)
                self.ended_badly(strand, "Aborted", strand.track.previous)

    def _abort_state(self, strand: Strand, because: int) -> None:
        state = strand.track.current
        if state is not None and state.type in _CAN_BE_ABORTED:
            self.visit.interpreter.history.add(f"{state.type}StateAborted", because)


class _Iterations(_Group):
    """The strands of a Map, which have events of their own."""

    def started(self, strand: Strand) -> None:
        strand.track.previous = self._add("Started", strand, strand.track.previous)

    def succeeded(self, strand: Strand) -> None:
        self._latest = self._add("Succeeded", strand, strand.track.previous)

    def ended_badly(self, strand: Strand, kind: str, because: int) -> None:
        self._add(kind, strand, because)

    def _add(self, kind: str, strand: Strand, because: int) -> int:
        details = {"name": self.visit.state.name, "index": strand.index}
        return self.visit.interpreter.history.add(f"MapIteration{kind}", because, details)


def _some(strands: Iterator[Strand], number: int) -> Iterator[Strand]:
    for _ in range(number):
        strand = next(strands, None)
        if strand is None:
            return
        yield strand
