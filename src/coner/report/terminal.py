"""Tables on standard output that are never cut, whatever the width of the terminal or the pipe."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.measure import Measurement

WIDEST = 100_000  # columns


def print_whole(*things: RenderableType) -> None:
    """Print each at its own full width; a terminal that is narrower wraps the lines itself."""
    console = Console(markup=False, highlight=False, soft_wrap=True)
    for thing in things:
        wanted = Measurement.get(console, console.options.update(width=WIDEST), thing).maximum
        console.width = max(console.width, wanted)
        console.print(thing)
