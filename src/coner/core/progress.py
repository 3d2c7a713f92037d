"""Progress bars with the time left, and log lines; all on stderr."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich import progress as rich
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from coner.core.files import TEXT
from coner.core.terminal import visible

WINDOW = 300  # seconds over which the speed is averaged: steps may be half a minute apart


class PlainConsole(Console):
    """Prints text as it is: brackets are not markup, ``:peru:`` is not a flag, control characters are escapes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Make text of a string, such as a line or the cell of a table."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Yield the segments of anything else."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


class _StderrConsole(PlainConsole):
    def __init__(self) -> None:
        super().__init__(stderr=True, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Continue without messages if stderr was closed; rich itself would end the process."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


stderr = _StderrConsole()


class Bar:
    """One progress bar."""

    def __init__(self, progress: rich.Progress, task: rich.TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, amount: float = 1) -> None:
        """Advance by ``amount`` steps."""
        self._progress.advance(self._task, amount)

    def advance_to(self, done: float) -> None:
        """Set the number of steps done."""
        self._progress.update(self._task, completed=done)

    def note(self, text: str) -> None:
        """Show a short text at the end of the bar."""
        self._progress.update(self._task, note=text)


@contextmanager
def progress_bar(what: str, total: int | None, *, done: int = 0, percent: bool = False) -> Iterator[Bar]:
    """Show a bar with the time left until the block ends; nothing where stderr is not a terminal.

    ``done`` steps were finished by an earlier start, and do not count for the speed. Steps are shown as ``12/40``, or
    with ``percent`` as a percentage.
    """
    texts = ("{task.description}", "{task.fields[note]}", "left")
    name, note, left = (rich.TextColumn(text, markup=False) for text in texts)
    steps = rich.TaskProgressColumn() if percent else rich.MofNCompleteColumn()
    bar, spent, remaining = rich.BarColumn(bar_width=30), rich.TimeElapsedColumn(), rich.TimeRemainingColumn()
    columns = (name, bar, steps, spent, left, remaining, note)
    shown = rich.Progress(
        *columns, console=stderr, transient=True, disable=not stderr.is_terminal, speed_estimate_period=WINDOW
    )
    with shown as progress:
        yield Bar(progress, progress.add_task(what, total=total, completed=done, note=""))


class Log:
    """Prints lines to the terminal and, if a path is given, appends them to a file, or overwrites it."""

    def __init__(self, path: Path | None = None, *, overwrite: bool = False) -> None:
        self._file = None if path is None else path.open("w" if overwrite else "a", **TEXT)

    def __call__(self, line: str) -> None:
        """Log one line."""
        line = visible(line)
        stderr.print(line)
        if self._file is not None:
            self._file.write(line + "\n")
            self._file.flush()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


class SilentLog(Log):
    """A log that discards its lines."""

    def __call__(self, line: str) -> None:
        """Discard one line."""
