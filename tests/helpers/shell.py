"""Running the command line in tests, and checking its one-line errors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

# A background process of a shell ignores Ctrl-C by default.
CODE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from coner.cli import main; sys.argv[0] = 'coner'; main()"
)


class Completed(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


class World(NamedTuple):
    """Data files, and the run folder of a CRF trained on them."""

    config: Path
    train: Path
    dev: Path
    model: Path

    @property
    def settings(self) -> list[str]:
        """Arguments that the CRF was trained with."""
        return [str(self.config), "--set", f"data.train={self.train}", "--set", f"data.dev={self.dev}"]


def command(*arguments: object) -> list[str]:
    """The command line of a separate process."""
    return [sys.executable, "-c", CODE, *map(str, arguments)]


def process(*arguments: object, stdin: bytes = b"") -> Completed:
    """Run a command in a separate process, with standard input."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(command(*arguments), input=stdin, capture_output=True, env=environment, check=False)
    return Completed(done.returncode, done.stdout.decode(), done.stderr.decode())


def refusal(done: Completed, code: int = 2) -> str:
    """The error message of a failed command, after checking that it is one line."""
    assert done.code == code, done
    assert done.out == ""
    assert done.err.startswith("coner: ")
    assert done.err.count("\n") == 1
    assert done.err.endswith("\n")
    assert "Traceback" not in done.err
    return done.err


def head(source: Path, sentences: int) -> str:
    """The first sentences of a shared-task file, verbatim."""
    text = source.read_text(encoding="utf-8")
    return "# id ".join(text.split("# id ")[: sentences + 1])
