"""The ``coner`` command: runs one of the commands and turns every error into one line and an exit code."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

import typer

from coner.cli import exit_interrupted
from coner.cli.commands import Commands
from coner.core import processes
from coner.core.interrupts import watch_interrupts
from coner.core.processes import limit_thread_spin
from coner.core.terminal import prepare_streams, visible

HELP = """Train, compare and use taggers for complex, fine-grained named entities.

`coner train` turns data, or a config (TOML) that describes a tagger, into a folder with the model and the record of its
scores. Other commands take such folders: `tag` and `serve` predict, `evaluate` and `compare` show scores.

Examples:

    coner train train.conll --out runs/first

    coner tag runs/first input.conll -o output.conll

Results go to stdout, progress and messages to stderr. Exit codes: 0 done, 2 wrong input or use, 3 incomplete with
progress saved, 130 interrupted.
"""

# As torch says it, and the system where a library does not fit.
NO_MEMORY = re.compile(
    "not enough memory|can(?:'t|not) allocate memory|out of memory|failed to map segment", re.IGNORECASE
)

COMPLETE = "_CONER_COMPLETE"  # variable that the script of a shell sets, see ``coner --install-completion``

app = typer.Typer(
    name="coner",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help=HELP,
)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context, version: bool = typer.Option(False, "--version", help="Print the version and exit.")
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"coner {installed('coner')}")
        raise typer.Exit
    if context.invoked_subcommand != "train":
        processes.require_single_process(f"coner {context.invoked_subcommand}")


def main() -> None:
    """Run the command line and exit the process."""
    if COMPLETE in os.environ:  # the shell asks how to complete a command
        typer.main.get_command(app)(prog_name="coner")
    prepare_streams()
    limit_thread_spin()
    if processes.count() > 1:
        processes.end_with_parent()
    code = run(sys.argv[1:])
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, exit_interrupted)  # while the interpreter shuts down
    if processes.count() > 1:
        # The threads that connect them may need the interpreter while it shuts down, which would abort the process.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):  # closed, or none
                stream.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; errors are one line on stderr."""
    try:
        with watch_interrupts() as interrupted:
            return _run(arguments, interrupted)
    except KeyboardInterrupt:  # while an error was handled
        return _fail("interrupted", 130)


def _run(arguments: list[str], interrupted: Callable[[], bool]) -> int:
    from coner.core.errors import ConerError

    command = typer.main.get_command(app)
    try:
        # Not its main(), which handles Ctrl-C and a broken pipe itself.
        with command.make_context("coner", list(arguments)) as context:
            code = command.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()  # reports a full disk here, not while the interpreter shuts down
    except typer.Exit as stop:
        code = stop.exit_code
    except ConerError as error:
        lost = interrupted() and error.exit_code != 130  # an interrupted import looks like a missing package
        return _fail("interrupted", 130) if lost else _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", 130)
    except (BrokenPipeError, SystemExit) as stop:  # the reader of our output has closed it, as head does
        if isinstance(stop, SystemExit) and not isinstance(stop.__context__, BrokenPipeError):  # rich exits then
            raise
        _silence(sys.stdout)
        return 0
    except Exception as error:
        return _fail("interrupted", 130) if interrupted() else _unexpected(error)
    return code if isinstance(code, int) else 0


def _unexpected(error: Exception) -> int:
    """Report an error that is not ours; a bug is raised again."""
    reason = str(error)
    if isinstance(error, ImportError) and NO_MEMORY.search(reason):
        return _fail("out of memory: a library does not fit. Fix: allow more", 2)
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and NO_MEMORY.search(reason)):
        return _fail(f"out of memory{f': {reason}' if reason else ''}. Fix: use less data, or shorter lines", 2)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return _fail(f"{place}{(error.strerror or str(error)).lower()}", 2)
    show = getattr(error, "format_message", None)  # an error of the command-line library: a bad option or value
    if show is None:
        raise error
    message = show() or "name a command"  # without a message, the help has been printed
    return _fail(f"{message} (see coner --help, or coner COMMAND --help)", getattr(error, "exit_code", 2))


def _fail(message: str, code: int) -> int:
    if processes.claim_report():
        try:
            print(f"coner: {visible(' '.join(message.split()))}", file=sys.stderr)  # noqa: T201
        except BrokenPipeError:  # only the exit code is left to report it
            _silence(sys.stderr)
    return code


def _silence(stream: TextIO) -> None:
    """Discard further output: its reader is gone, and a write must not fail while the interpreter shuts down."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
