"""Runs the code blocks of a guide in order, in one Python session and one folder."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coner.cli.app import run

BLOCK = re.compile(r"^```(pycon|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
COMMAND = "from coner.cli import main; import sys; sys.argv[0] = 'coner'; main()"


class Session:
    """The state of a reader: Python names and background jobs of the shell.

    Args:
        names: initial Python names.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names
        self.jobs: list[subprocess.Popen[bytes]] = []
        with socket.socket() as probe:  # the port of the guide may be in use
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])

    def play(self, guide: Path) -> int:
        """Run every block and return the number of inputs; ``AssertionError`` at the first difference."""
        text = guide.read_text(encoding="utf-8")
        inputs = 0
        for block in BLOCK.finditer(text):
            steps = _steps(block[2], {"pycon": (">>> ", "... "), "console": ("$ ", "> ")}[block[1]])
            for source, expected in steps:
                actual = self._python(source) if block[1] == "pycon" else self._shell(source)
                place = f"{guide.name}:{text.count(chr(10), 0, block.start()) + 1}"
                same = doctest.OutputChecker().check_output(expected, actual, OPTIONS)
                assert same, f"{place}: {source}\nexpected:\n{expected}\ngot:\n{actual}"
                inputs += 1
        return inputs

    def close(self) -> None:
        """Stop background jobs, as after a failure."""
        for job in self.jobs:
            job.kill()
            job.wait()

    def _python(self, source: str) -> str:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(source, "<guide>", "single"), self.names)
        return out.getvalue()

    def _shell(self, source: str) -> str:
        source = source.replace("8000", self.port).strip()
        if source == "kill %1":
            job = self.jobs.pop()
            job.send_signal(signal.SIGTERM)
            assert job.wait(60) == 0
            return ""
        if source.startswith("coner ") and source.endswith(" &"):
            arguments = [sys.executable, "-c", COMMAND, *shlex.split(source)[1:-1]]
            self.jobs.append(subprocess.Popen(arguments, stderr=subprocess.DEVNULL))
            return ""
        if source.startswith("coner "):
            return _in_process(shlex.split(source)[1:])
        shim = f'coner() {{ {shlex.quote(sys.executable)} -c "{COMMAND}" "$@"; }}\n'
        done = subprocess.run(["bash", "-c", shim + source], capture_output=True, check=False)
        assert done.returncode == 0, (source, done)
        return done.stdout.decode()


def _in_process(arguments: list[str]) -> str:
    """Run a command in this process: a new one would load torch each time."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        done = run(arguments)
    assert done == 0, output.getvalue()
    return output.getvalue()


def _steps(block: str, prompts: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Each input of one or more lines, with the output below it."""
    first, further = prompts
    source, output = "", ""
    for line in block.splitlines(keepends=True):
        if line.startswith(first):
            if source:
                yield source, output
            source, output = line.removeprefix(first), ""
        elif not output and (line.startswith(further) or line.rstrip() == further.rstrip()):
            source += line.removeprefix(further) if line.startswith(further) else "\n"
        else:
            output += line
    if source:
        yield source, output
