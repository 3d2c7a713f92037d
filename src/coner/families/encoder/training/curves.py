"""Training curves for TensorBoard, written as an event file without TensorFlow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coner.core.errors import requires_extra
from coner.core.files import make_folder, write_error


class Curves:
    """The event file of one session of a run, which starts after ``done`` steps.

    TensorBoard joins the files of a run, and hides values of an earlier session whose steps are repeated.

    Raises:
        MissingExtra: tensorboardX is not installed.
        OutputError: the folder cannot be written; methods raise it too.
    """

    def __init__(self, folder: Path, *, done: int) -> None:
        with requires_extra("train.tensorboard", "tensorboard"):
            from tensorboardX.event_file_writer import EventsWriter
            from tensorboardX.proto.event_pb2 import Event, SessionLog
            from tensorboardX.proto.summary_pb2 import Summary
        self._event, self._summary, self.folder = Event, Summary, make_folder(folder)
        try:
            # TensorBoard reads files in the order of their names, which begin with the time of creation in seconds.
            self._writer: Any = EventsWriter(str(folder / "events"), f".{done:09d}")
        except OSError as error:
            raise write_error(folder, error) from None
        self._write(step=done + 1, session_log=SessionLog(status=SessionLog.START))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add values by name after this many steps."""
        entries = [self._summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._write(step=step, summary=self._summary(value=entries))

    def flush(self) -> None:
        """Write to disk what was added."""
        try:
            self._writer.flush()
        except OSError as error:
            raise write_error(self.folder, error) from None

    def __enter__(self) -> Curves:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
        self._writer.close()

    def _write(self, **values: Any) -> None:
        try:
            self._writer.write_event(self._event(wall_time=time.time(), **values))
        except OSError as error:
            raise write_error(self.folder, error) from None
