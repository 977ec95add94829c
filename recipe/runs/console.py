"""What a person sees while it runs: progress bars on a terminal, one plain line an event else."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

Advance = Callable[[str], None]
"""Called once for each finished part, with a few words on it."""


class Console:
    """Prints, and keeps the same lines in the stage's log."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.log: Path | None = None
        """Lines are appended to this file too, if it is set."""

    def say(self, text: str = "") -> None:
        """Print a line."""
        self._keep(text)
        if not self.quiet:
            print(text, flush=True)

    @contextlib.contextmanager
    def progress(self, description: str, total: int) -> Iterator[Advance]:
        """A bar of `total` parts, with the time that is left; on a pipe a line for each part."""
        if self.quiet or not sys.stdout.isatty():
            yield self._plain_progress(description, total)
            return
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("  {task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, transient=True) as bars:
            task = bars.add_task(description, total=total, note="")

            def advance(note: str) -> None:
                self._keep(f"  {description}: {note}")
                bars.update(task, advance=1, note=note)

            yield advance

    def _plain_progress(self, description: str, total: int) -> Advance:
        done = 0

        def advance(note: str) -> None:
            nonlocal done
            done += 1
            self.say(f"  {description} {done}/{total}: {note}")

        return advance

    def _keep(self, text: str) -> None:
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(text + "\n")
