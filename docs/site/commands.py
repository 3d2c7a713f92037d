"""A page for every command, from the help that the command line prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from coner.cli.app import app

SPECIAL = re.compile(r"(`[^`]+`)|(?<![\w-])(--[a-z][\w-]*)|[<>*_\[\]]")  # code, an option, or a mark of Markdown
EXAMPLES = re.compile(r"^Examples?:\n((?:\n+ +.*)+)", re.MULTILINE)


def pages() -> dict[str, str]:
    """The page of each command, by path, in the order of ``coner --help``."""
    root: Any = typer.main.get_command(app)
    return {f"reference/commands/{_file(name)}": _page(name, command) for name, command in _walk(root, "coner")}


def _file(name: str) -> str:
    return f"{name.replace(' ', '-')}.md"


def _walk(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    yield name, command
    for inner, below in getattr(command, "commands", {}).items():
        yield from _walk(below, f"{name} {inner}")


def _page(name: str, command: Any) -> str:
    inner = {f"{name} {key}": below for key, below in getattr(command, "commands", {}).items()}
    with command.make_context(name, [], resilient_parsing=True) as context:
        usage = " ".join([name, *command.collect_usage_pieces(context)])
        found = {one: one.get_help_record(context) for one in command.get_params(context)}
    rows = [(one.param_type_name, row) for one, row in found.items() if row]  # without hidden ones
    arguments = [f"- `{row[0].partition(' <')[0]}`: {_sentence(row[1])}" for type, row in rows if type == "argument"]
    options = [f"```{{option}} {row[0]}\n{_sentence(row[1])}\n```" for type, row in rows if type == "option"]
    below = [f"- [{key}]({_file(key)}): {_escaped(one.get_short_help_str(200))}" for key, one in inner.items()]
    parts = [f"# {name if ' ' in name else 'Commands'}", f"```text\n{usage}\n```", _prose(command.help or "")]
    parts += ["## Arguments", "\n".join(arguments)] if arguments else []
    parts += ["## Options", f"```{{program}} {name}\n```", *options]
    parts += ["## All commands", "\n".join(below)] if below else []
    return "\n\n".join(parts) + "\n"


def _prose(help: str) -> str:
    """Help as Markdown, with the examples as a block of code."""

    def block(match: re.Match[str]) -> str:
        lines = [line.strip() for line in match[1].splitlines() if line.strip()]
        return "\n".join(["Examples:", "", "```console", *(f"$ {line}" for line in lines), "```"])

    prose, heading, examples = help.partition("Examples:")
    return _escaped(prose) + EXAMPLES.sub(block, heading + examples)


def _sentence(text: str) -> str:
    """Help of an argument or option; its defaults and limits are in code."""
    text, _, facts = text.partition("  [")
    known = [fact.partition(": ") for fact in facts.removesuffix("]").split("; ") if fact]
    shown = "; ".join(f"{name}: `{value}`" if value else name for name, _, value in known)
    return _escaped(text) + (f" ({_escaped(shown)})" if shown else "")


def _escaped(text: str) -> str:
    """Help as Markdown: options are code, and nothing but code is markup."""
    return SPECIAL.sub(lambda match: match[1] or (f"`{match[2]}`" if match[2] else f"\\{match[0]}"), text)
