"""The layout of a CoNLL file: everything except its words, tags and headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HEADER = "# id "
FILLER = "_"


@dataclass(frozen=True, slots=True)
class ConllLayout:
    """Columns and empty lines of a CoNLL file; the defaults are MultiCoNER's.

    Attributes:
        separators: the white space between the columns, one fewer than columns.
        tags: ``gold`` in the last column; ``filler``: that column holds ``_``; ``absent``: there is no such column.
        beginning, between, ending: the empty lines before, between and after the sentences, verbatim.
        newline: the line end.
        final_newline: the last line has a line end.
        bom: the file starts with a byte order mark.
    """

    separators: tuple[str, ...] = (" ", " ", " ")
    tags: Literal["gold", "filler", "absent"] = "gold"
    beginning: str = "\n"
    between: str = "\n\n"
    ending: str = "\n"
    newline: str = "\n"
    final_newline: bool = True
    bom: bool = False
