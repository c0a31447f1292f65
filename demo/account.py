"""The running account that the demo prints: acts, a line per state with its time, results, a progress bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Account:
    """Prints what happens, each line with the seconds since the beginning."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self.began = time.monotonic()
        self.acts: list[tuple[str, float]] = []

    @property
    def elapsed(self) -> float:
        """Seconds since the demo began."""
        return time.monotonic() - self.began

    def act(self, title: str) -> None:
        """Begin a part of the story."""
        self.acts.append((title, self.elapsed))
        self.console.print(f"\n[bold]{len(self.acts)}. {title}[/bold]")

    def line(self, text: str, *, good: bool | None = None) -> None:
        """One thing that happened; `good` marks a check that held or did not."""
        mark = {True: "[green]✓[/green] ", False: "[red]✗[/red] ", None: "  "}[good]
        self.console.print(f"[dim]{self.elapsed:7.1f} s[/dim]  {mark}{text}")

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """A moving bar while something long runs, where there is a terminal to draw it on."""
        if not sys.stdout.isatty():
            yield
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            progress.add_task(text, total=None)
            yield
