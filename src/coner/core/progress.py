"""What a person sees while a command works: bars with time left, and lines that stay. All of it on stderr."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TaskProgressColumn as Share
from rich.progress import TimeRemainingColumn as TimeLeft

__all__ = ["Bar", "Log", "Quiet", "Share", "bar", "stderr"]

WINDOW = 300  # seconds over which the speed is taken: steps may be half a minute apart


class _Messages(Console):
    """For text as it is: no brackets are taken for markup."""

    def __init__(self) -> None:
        super().__init__(stderr=True, markup=False, highlight=False, soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Nobody reads the messages any more: the work goes on without. Rich itself would end the process."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


stderr = _Messages()


class Bar:
    """One bar. ``advance`` moves it; ``note`` puts a short text behind it."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, amount: float = 1) -> None:
        """Move on by so much."""
        self._progress.advance(self._task, amount)

    def reach(self, done: float) -> None:
        """Move on to there."""
        self._progress.update(self._task, completed=done)

    def note(self, text: str) -> None:
        """Show a short text at the end of the bar."""
        self._progress.update(self._task, note=text)


@contextmanager
def bar(
    what: str, total: int | None, *, done: int = 0, amount: Callable[[], ProgressColumn] = MofNCompleteColumn
) -> Iterator[Bar]:
    """A bar with the time left; it goes away when the block ends, and shows nothing where stderr is no terminal.

    Args:
        what: is being done.
        total: of the steps; ``None`` where it is not known.
        done: steps before this start; they do not count for the speed.
        amount: how the steps are told: ``12/40``, or, where they mean nothing to a person, their ``Share``.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        amount(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeLeft(),
        TextColumn("{task.fields[note]}"),
    )
    shown = Progress(
        *columns, console=stderr, transient=True, disable=not stderr.is_terminal, speed_estimate_period=WINDOW
    )
    with shown as progress:
        yield Bar(progress, progress.add_task(what, total=total, completed=done, note=""))


class Log:
    """Lines for the terminal and, where one is given, for a file too: behind what is in it already, or ``anew``."""

    def __init__(self, path: Path | None = None, *, anew: bool = False) -> None:
        self._file = None if path is None else path.open("w" if anew else "a", encoding="utf-8")

    def __call__(self, line: str) -> None:
        """One line."""
        stderr.print(line)
        if self._file is not None:
            self._file.write(line + "\n")
            self._file.flush()

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


class Quiet(Log):
    """Takes lines, and shows none."""

    def __call__(self, line: str) -> None:
        """One line, for nobody."""
