"""The cells of a column: whether they look like tags, count words, or are the same throughout."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

NUMBER = re.compile("(?:[0-9]{1,9}-)?([0-9]{1,9})")  # of a word, also behind that of its sentence
LETTER = "[BIESLUMWbieslumw]"
MENTION = re.compile(f"{LETTER}[-_].+|[^ ]+[-_]{LETTER}|[BIESLUMW]:[^ ]+")
OUTSIDES = ("O", "o")
LABEL = re.compile(r"[^\W\d_][\w./&+-]*")
CHUNKS = frozenset("AC ADJP ADVP BLK CCP CONJP INTJ JJP LST NC NP PC PP PRT RBP SBAR UCP VC VGF VGNF VP".split())  # noqa: SIM905
JOINED = re.compile(r"[^\s]+(?:[,;|/=_\xa0]|##)(O|[BIESLUMW]-[^\s,;|]+)")
SLASHED = re.compile("[^ ]+/(O|[A-Z][A-Z_]+)")
MAJORITY, MIN_ROWS = 0.9, 10  # share of a column that must agree; rows before a column may be called constant
FEW_ROWS = 5  # before cells with digits may be called ids


def is_tag(cell: str) -> bool:
    """Whether a cell may be a tag in some scheme and spelling."""
    return cell in (*OUTSIDES, "0") or cell.isupper() or MENTION.fullmatch(cell) is not None


def joined(items: Sequence[str]) -> str | None:
    """One of these words if most of them have their tag behind them, such as ``Ana,B-PER``."""
    found = [match for match in map(JOINED.fullmatch, items) if match]
    if not any(len(match[1]) > 1 for match in found):  # Stanford's tagger writes labels alone: Ana/PERSON
        found = [match for match in map(SLASHED.fullmatch, items) if match]
        found *= any(match[1] == "O" for match in found)  # else it may be a name, such as AC/DC
    mentions = [match[0] for match in found if match[1] != "O"]
    return mentions[0] if mentions and len(found) >= MAJORITY * len(items) else None


def filler_is_outside(tags: Sequence[set[str]]) -> bool:
    """Whether ``_`` among the tags of sentences is outside of mentions: it stands beside tags, and ``O`` nowhere."""
    return any(len(found) > 1 and "_" in found for found in tags) and not any("O" in found for found in tags)


@dataclass
class CellColumn:
    """The cells of a column, by sentence."""

    sentences: list[list[str]]
    cells: list[str] = field(init=False)
    looks: str = field(init=False)  # ``tags``, ``chunks``, ``outside`` (only ``O``), or empty: no tags

    def __post_init__(self) -> None:
        self.cells = [cell for cells in self.sentences for cell in cells]
        self.looks = self._looks()

    def _looks(self) -> str:
        counts = Counter(self.cells)
        outside = sum(counts[cell] for cell in OUTSIDES)
        others = counts["0"] + counts[""] + counts["_"]  # an ``O`` of another spelling; a column of these alone is none
        zeros = others * (outside == 0)
        mentions = {cell: n for cell, n in counts.items() if cell not in (*OUTSIDES, "0") and MENTION.fullmatch(cell)}
        if outside == len(self.cells):
            return "outside"
        if mentions and outside + zeros + sum(mentions.values()) >= MAJORITY * len(self.cells):
            chunks = sum(n for cell, n in mentions.items() if cell[2:].upper() in CHUNKS)
            return "chunks" if chunks >= MAJORITY * sum(mentions.values()) else "tags"
        labels = counts.keys() != {"0"} and all(cell in (*OUTSIDES, "0") or LABEL.fullmatch(cell) for cell in counts)
        return "tags" if labels and 5 * (outside + zeros) >= len(self.cells) else ""

    @property
    def blank(self) -> bool:
        """Whether its cells are all ``_`` or empty: a place for tags or for what is not there."""
        return set(self.cells) <= {"_", ""}

    @property
    def holds_tags(self) -> bool:
        """Whether its cells are tags of entities, or ``O`` in at least three lines."""
        return self.looks == "tags" or (self.looks == "outside" and len(self.cells) > 2)

    @property
    def counts(self) -> bool:
        """Whether its cells count 1, 2, 3 in nearly every sentence."""
        return len(self.cells) > 2 and self._counting(MAJORITY)

    @property
    def counts_few(self) -> bool:
        """Whether its cells count from 0 or 1 in every sentence, even if there are two of them."""
        return len(self.cells) > 1 and {cells[0] for cells in self.sentences} <= {"0", "1"} and self._counting(1)

    def _counting(self, share: float) -> bool:
        runs = [[int(match[1]) for match in map(NUMBER.fullmatch, cells) if match] for cells in self.sentences]
        several = [run for run in runs if len(run) > 1]
        counting = sum(all(b == a + 1 for a, b in pairwise(run)) for run in several)
        numbers = sum(map(len, runs))
        enough = numbers >= share * len(self.cells) and 2 * len(several) >= len(runs)
        return enough and bool(several) and counting >= share * len(several)

    @property
    def numbers(self) -> bool:
        """Whether its cells are numbers, one throughout each sentence."""
        return all(len(set(cells)) == 1 and cells[0].isdecimal() for cells in self.sentences)

    @property
    def constant(self) -> bool:
        """Whether its cells are the same throughout nearly every sentence, if there are enough to tell."""
        several = [cells for cells in self.sentences if len(cells) > 1]
        same = sum(len(set(cells)) == 1 for cells in several)
        return len(self.cells) >= MIN_ROWS and bool(several) and same >= MAJORITY * len(several)

    @property
    def ids(self) -> str:
        """How its cells are ids of words rather than words; empty if they are not, or too few to tell."""
        longest, several = max(self.sentences, key=len), len(self.sentences) > 2 and len(self.cells) >= MIN_ROWS
        if several and all(cells == longest[: len(cells)] for cells in self.sentences):
            return "are the same in every sentence"
        digits = sum(any(map(str.isdigit, cell)) for cell in self.cells)
        different = len(set(self.cells)) == len(self.cells) >= FEW_ROWS
        return "have digits and are all different" if different and digits >= MAJORITY * len(self.cells) else ""

    def agrees(self, other: CellColumn) -> bool:
        """Whether most of its tags are those of another column, as with gold and predicted tags."""
        pairs = [(a, b) for a, b in zip(self.cells, other.cells, strict=True) if a not in OUTSIDES]
        return 2 * sum(a == b for a, b in pairs) > len(pairs)
