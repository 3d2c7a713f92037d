"""The command line as tests call it, and what must hold whenever it refuses something."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

# A process in the background of a shell inherits a deaf ear for Ctrl-C; ours has to hear it.
CODE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from coner.cli import main; sys.argv[0] = 'coner'; main()"
)


class Done(NamedTuple):
    """What came of a command."""

    code: int
    out: str
    err: str


class World(NamedTuple):
    """Files to work on, and a CRF that was trained on them (its folder is a model's and a run's)."""

    config: Path
    train: Path
    dev: Path
    model: Path

    @property
    def settings(self) -> list[str]:
        """What the CRF was trained with."""
        return [str(self.config), "--set", f"data.train={self.train}", "--set", f"data.dev={self.dev}"]


def command(*arguments: object) -> list[str]:
    """The whole command, for a process of its own."""
    return [sys.executable, "-c", CODE, *map(str, arguments)]


def process(*arguments: object, given: bytes = b"") -> Done:
    """Run it so, with standard input."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command(*arguments), input=given, capture_output=True, env=environment, check=False)
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


def refusal(done: Done, code: int = 2) -> str:
    """The message of a command that refused, after checking that it is one line, for a person."""
    assert done.code == code, done
    assert done.out == ""
    assert done.err.startswith("coner: ")
    assert done.err.count("\n") == 1
    assert done.err.endswith("\n")
    assert "Traceback" not in done.err
    return done.err


def head(source: Path, sentences: int) -> str:
    """The first sentences of a file of the shared task, verbatim."""
    text = source.read_text(encoding="utf-8")
    return "# id ".join(text.split("# id ")[: sentences + 1])
