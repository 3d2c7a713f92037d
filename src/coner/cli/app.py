"""The command line: arguments in, one call out, one line for whatever goes wrong."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import TextIO

import typer

from coner.cli import (
    ablate,
    card,
    compare,
    convert,
    curves,
    data,
    distil,
    evaluate,
    explain,
    export,
    hybrid,
    llm,
    noise,
    push,
    serve,
    sweep,
    tag,
    train,
    vote,
)
from coner.core import processes
from coner.core.cores import limit_thread_spin

app = typer.Typer(
    name="coner",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Train, compare and use taggers for complex, fine-grained named entities.",
    epilog="Results go to stdout, progress and messages to stderr. Exit codes: 0 done, "
    "2 wrong input or use, 3 incomplete with the work kept, 130 interrupted.",
)
data.app.command()(noise.noise)
app.add_typer(data.app, name="data")
app.add_typer(llm.app, name="llm")
for function in (
    train.train,
    ablate.ablate,
    sweep.sweep,
    evaluate.evaluate,
    tag.tag,
    export.export,
    serve.serve,
    compare.compare,
    explain.explain,
    curves.curves,
    vote.vote,
    hybrid.hybrid,
    distil.distil,
    convert.convert,
    card.card,
    push.push,
):
    app.command()(function)


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"coner {installed('coner')}")
        raise typer.Exit
    if context.invoked_subcommand != "train":
        processes.require_single_process(f"coner {context.invoked_subcommand}")


def main() -> None:
    """Run the command line; the process ends with the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not where it is closed
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")  # names of files may be no text
    limit_thread_spin()
    code = run(sys.argv[1:])
    if processes.count() > 1:
        # Threads of the link between them may ask for the interpreter while it goes down: that would abort the process.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):  # closed, or none
                stream.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """One command; its exit code. Errors are one line on stderr."""
    from coner.core.errors import ConerError

    command = typer.main.get_command(app)
    try:
        # Not its main(), which keeps Ctrl-C and a broken pipe to itself.
        with command.make_context("coner", list(arguments)) as context:
            code = command.invoke(context)
        if sys.stdout is not None:
            sys.stdout.flush()  # a full disk is told here, not while the interpreter goes down
    except typer.Exit as stop:
        code = stop.exit_code
    except ConerError as error:
        return _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", 130)
    except (BrokenPipeError, SystemExit) as stop:  # the reader of our output has gone, as head does
        if isinstance(stop, SystemExit) and not isinstance(stop.__context__, BrokenPipeError):  # rich exits then
            raise
        _silence(sys.stdout)
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _fail(f"{place}{(error.strerror or str(error)).lower()}", 2)
    except Exception as error:
        show = getattr(error, "format_message", None)  # the command-line library's own: a bad option or value
        if show is None:
            raise
        message = show() or "name a command"  # without one, the help is on stdout already
        return _fail(f"{message} (see coner --help, or coner COMMAND --help)", getattr(error, "exit_code", 2))
    return code if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    if processes.claim_report():
        try:
            print(f"coner: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201 - the one place that speaks plainly
        except BrokenPipeError:  # the exit code tells it alone
            _silence(sys.stderr)
    return code


def _silence(stream: TextIO) -> None:
    """Its reader has gone: what is left to say must not fail while the interpreter goes down."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
