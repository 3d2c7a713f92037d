"""Tables as data: a heading and rows of cells, for a terminal or as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coner.core.html import table as html_table
from coner.core.progress import PlainConsole

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

DASH = "–"
WIDEST = 100_000  # columns


class Bold(str):
    """The text of a cell in bold."""

    __slots__ = ()


def bold(text: str, when: bool) -> str:
    """The text of a cell, in bold under a condition."""
    return Bold(text) if when else text


@dataclass(frozen=True)
class Grid:
    """A table; the first column names the rows, the others are right-aligned."""

    heading: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """As a GitHub table."""
        lines = [self.heading, ["---", *["---:"] * (len(self.heading) - 1)]]
        lines += [[f"**{cell}**" if isinstance(cell, Bold) else cell for cell in row] for row in self.rows]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)

    def html(self) -> str:
        """As a table for a notebook."""
        return html_table("", self.heading, self.rows, lambda cell: isinstance(cell, Bold))

    def table(self) -> Table:
        """As a table for a terminal."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for index, title in enumerate(self.heading):
            table.add_column(title, justify="right" if index else "left", no_wrap=True)
        for row in self.rows:
            table.add_row(*(Text(cell, style="bold" if isinstance(cell, Bold) else "") for cell in row))
        return table


def print_whole(*things: RenderableType) -> None:
    """Print each on stdout, not truncated: a narrower terminal wraps the lines."""
    from rich.measure import Measurement

    console = PlainConsole(soft_wrap=True)
    for thing in things:
        wanted = Measurement.get(console, console.options.update(width=WIDEST), thing).maximum
        console.width = max(console.width, wanted)
        console.print(thing)
