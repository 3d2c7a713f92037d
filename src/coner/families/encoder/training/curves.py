"""Curves of a training as it goes, for TensorBoard: a file of events, written in this process, without TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from coner.core.errors import MissingExtra
from coner.core.files import make_folder, write_error


class Curves:
    """Curves that nobody asked for."""

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Values by name after this many steps."""

    def flush(self) -> None:
        """Put on the disk what was added."""

    def close(self) -> None:
        """No more will come."""

    def __enter__(self) -> Curves:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class EventFile(Curves):
    """Curves in a file of events; one more file a sitting, and TensorBoard reads them as one curve.

    Args:
        folder: of the run's curves; made where it does not exist.
        done: steps before this sitting. What an earlier one wrote behind them, before it was stopped, is no longer
            shown: those steps come again.

    Raises:
        MissingExtra: tensorboardX is not installed.
        OutputError: the folder cannot be written; so do the methods.
    """

    def __init__(self, folder: Path, *, done: int) -> None:
        try:
            from tensorboardX.event_file_writer import EventsWriter
            from tensorboardX.proto.event_pb2 import Event, SessionLog
            from tensorboardX.proto.summary_pb2 import Summary
        except ImportError:
            raise MissingExtra("train.tensorboard", "tensorboard") from None
        self._event, self._summary, self.folder = Event, Summary, make_folder(folder)
        try:
            # Files are read in the order of their names, which begin with the second of their making.
            self._writer: Any = EventsWriter(str(folder / "events"), f".{done:09d}")
        except OSError as error:
            raise write_error(folder, error) from None
        self._write(step=done + 1, session_log=SessionLog(status=SessionLog.START))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Values by name after this many steps."""
        entries = [self._summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._write(step=step, summary=self._summary(value=entries))

    def flush(self) -> None:
        """Put on the disk what was added."""
        try:
            self._writer.flush()
        except OSError as error:
            raise write_error(self.folder, error) from None

    def close(self) -> None:
        """No more will come."""
        self.flush()
        self._writer.close()

    def _write(self, **values: Any) -> None:
        try:
            self._writer.write_event(self._event(wall_time=time.time(), **values))
        except OSError as error:
            raise write_error(self.folder, error) from None


def open_curves(tensorboard: Path | None, run: Path, *, done: int) -> Curves:
    """Curves of a run, in a folder of its own name below that for TensorBoard; none where there is no such folder."""
    return Curves() if tensorboard is None else EventFile(tensorboard / run.resolve().name, done=done)
