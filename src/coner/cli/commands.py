"""The commands by name. Each is imported and built when it is called, so that the command line starts quickly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

PANELS = {  # of the help; command ``x`` is the function ``x`` of ``coner.cli.x``, or a group of commands, its ``app``
    "Train": (
        "train",
        "config",
        "sweep",
        "ablate",
        "learning-curve",
        "vote",
        "hybrid",
        "distil",
        "shrink",
        "pretrain",
        "threshold",
    ),
    "Use": ("tag", "serve", "llm"),
    "Compare": ("evaluate", "compare", "curves", "explain"),
    "Data": ("convert", "audit", "suggest", "data", "kb"),
    "Share": ("export", "card", "push", "package", "models"),
}
PANEL_OF = {name: panel for panel, names in PANELS.items() for name in names}


class Commands(TyperGroup):
    """The group of all commands."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands: Any = LazyCommands()

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)


class LazyCommands(Mapping[str, Any]):
    """Commands by name, in the order of the help."""

    def __getitem__(self, name: str) -> Any:
        return build(name)

    def __iter__(self) -> Iterator[str]:
        return iter(PANEL_OF)

    def __len__(self) -> int:
        return len(PANEL_OF)


@cache
def build(name: str) -> Any:
    """A command, or a group of commands; ``KeyError`` if none has the name."""
    panel = PANEL_OF[name]
    function = name.replace("-", "_")
    module = import_module(f"coner.cli.{function}")
    alone = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    if isinstance(group := getattr(module, "app", None), typer.Typer):
        alone.add_typer(group, name=name, rich_help_panel=panel)
        return typer.main.get_group(alone).commands[name]
    alone.command(name, rich_help_panel=panel)(getattr(module, function))
    return typer.main.get_command(alone)
