"""How a CoNLL file looks besides its words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HEADER = "# id "
FILLER = "_"


@dataclass(frozen=True, slots=True)
class ConllLayout:
    """How a file looks beside its words; the defaults are MultiCoNER's.

    Attributes:
        separators: what stands between the columns, one fewer than columns.
        tags: ``gold`` in the last column; ``filler``: that column holds ``_``; ``absent``: there is none.
        beginning, between, ending: the empty lines before, between and after the sentences, verbatim.
        newline: the end of a line.
        bom: the file begins with a byte order mark.
    """

    separators: tuple[str, ...] = (" ", " ", " ")
    tags: Literal["gold", "filler", "absent"] = "gold"
    beginning: str = "\n"
    between: str = "\n\n"
    ending: str = "\n"
    newline: str = "\n"
    final_newline: bool = True
    bom: bool = False
