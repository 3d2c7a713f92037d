"""The layout of a CoNLL file: everything except its words, tags and headers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HEADER = "# id "
FILLER = "_"


@dataclass(frozen=True, slots=True)
class ConllLayout:
    """Columns and empty lines of a CoNLL file; the defaults are MultiCoNER's."""

    separators: tuple[str, ...] = (" ", " ", " ")  # white space between the columns, one fewer than columns
    tags: Literal["gold", "filler", "absent"] = "gold"  # in the last column; filler: it holds ``_``; absent: no column
    beginning: str = "\n"  # the empty lines before the first sentence, verbatim
    between: str = "\n\n"
    ending: str = "\n"
    newline: str = "\n"
    final_newline: bool = True  # the last line has a line end
    bom: bool = False  # the file starts with a byte order mark
