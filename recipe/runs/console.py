"""What a person sees while it runs: progress bars on a terminal, one plain line an event else."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def native_noise_hidden() -> Iterator[None]:
    """Keep what C++ code writes to the error stream from the user, unless Python raises.

    TensorFlow greets there before any log level is heard.
    """
    sys.stderr.flush()
    ours = os.dup(2)
    try:
        with tempfile.TemporaryFile() as theirs:
            os.dup2(theirs.fileno(), 2)
            try:
                yield
            except BaseException:
                theirs.seek(0)
                os.write(ours, theirs.read())  # it may say why
                raise
    finally:
        os.dup2(ours, 2)
        os.close(ours)


NOTICES = logging.getLogger("recipe")
"""What code below the stages has to tell: a command shows it, elsewhere it is a plain log."""

_said: set[str] = set()


def notice(text: str) -> None:
    """Tell something that changes no number, once in a process."""
    if text not in _said:
        _said.add(text)
        NOTICES.warning(text)


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
    def notices(self) -> Iterator[None]:
        """Show notices here, for as long as this lasts."""
        handler = logging.Handler()
        handler.emit = lambda record: self.say(f"  note: {record.getMessage()}")  # type: ignore[method-assign]
        NOTICES.addHandler(handler)
        try:
            yield
        finally:
            NOTICES.removeHandler(handler)

    @contextlib.contextmanager
    def progress(self, description: str, total: int) -> Iterator[Advance]:
        """A bar of `total` parts, with the time that is left; on a pipe a line for each part."""
        if self.quiet or not sys.stdout.isatty():
            yield self._plain_progress(description, total)
            return
        from rich.markup import escape
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.table import Column

        # on a narrow terminal the note gives way, not the bar
        note_column = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        columns = (
            TextColumn("  {task.description}", table_column=Column(min_width=len(description) + 2)),
            BarColumn(bar_width=20, table_column=Column(min_width=20)),
            MofNCompleteColumn(table_column=Column(min_width=2 * len(str(total)) + 1)),
            TimeRemainingColumn(compact=True, table_column=Column(min_width=5)),
            TextColumn("{task.fields[note]}", table_column=note_column),
        )
        with Progress(*columns, transient=True, expand=True) as bars:
            task = bars.add_task(description, total=total, note="")

            def advance(note: str) -> None:
                self._keep(f"  {description}: {note}")
                bars.update(task, advance=1, note=escape(note))

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
