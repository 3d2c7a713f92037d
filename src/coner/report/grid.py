"""Tables as data: a heading and rows of cells, for a terminal or as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

DASH = "–"
Cell = tuple[str, bool]  # text, and whether it is bold


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        heading: the titles of the columns; the first column names the rows, the others are set to the right.
        rows: cells as text, each bold or not.
    """

    heading: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    @classmethod
    def of(cls, heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Grid:
        """Build a table without bold cells."""
        return cls(heading, [[(cell, False) for cell in row] for row in rows])

    def markdown(self) -> str:
        """As a GitHub table."""
        lines = [self.heading, ["---", *["---:"] * (len(self.heading) - 1)]]
        lines += [[f"**{cell}**" if bold else cell for cell, bold in row] for row in self.rows]
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)

    def table(self) -> Table:
        """As a table for a terminal."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for index, title in enumerate(self.heading):
            table.add_column(title, justify="right" if index else "left", no_wrap=True)
        for row in self.rows:
            table.add_row(*(Text(cell, style="bold" if bold else "") for cell, bold in row))
        return table
