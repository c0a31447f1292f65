"""Works through a dependency graph, independent nodes side by side. Used by every operation on a stack."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import CycleError, TopologicalSorter

from localaws.cloudformation.errors import invalid

WORKERS = 8
Graph = Mapping[str, Iterable[str]]


def order(graph: Graph) -> list[str]:
    """The nodes, each after those it depends on. Raises `ValidationError` naming a circle."""
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = ", ".join(sorted(set(error.args[1])))
        raise invalid(f"Circular dependency between resources: [{circle}]") from error


def walk(
    graph: Graph, work: Callable[[str], None], stopping: threading.Event, *, keep_going: bool = False
) -> dict[str, BaseException]:
    """Do `work` on each node after those it depends on, at most `WORKERS` at once; what failed, by node.

    After a failure nothing new begins, but what runs is waited for; with `keep_going`, only what depends on
    the failed node is left out.
    """
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    failures: dict[str, BaseException] = {}
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="stack") as pool:
        while sorter.is_active():
            if not stopping.is_set() and (keep_going or not failures):
                running.update({pool.submit(work, node): node for node in sorter.get_ready()})
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                node = running.pop(future)
                error = future.exception()
                if error is None:
                    sorter.done(node)
                else:
                    failures[node] = error
    return failures
