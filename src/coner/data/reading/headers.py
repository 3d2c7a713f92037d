"""Lines of a CoNLL file that are not words: ids, document markers, comments."""

from __future__ import annotations

from collections import Counter

from coner.data.reading.cells import is_tag
from coner.data.reading.layout import ConllLayout
from coner.data.reading.reader import FILLER, HEADER

DOCUMENT = "-DOCSTART-"
COMMENTS = "#%;/"  # what comments of other formats start with


class Headers:
    """Finds and counts the headers of a file.

    A header starts with ``# id ``, holds ``-DOCSTART-``, or is a comment: it starts with the user's mark, or with ``#``
    and a space or tab, and cannot be a word with its tag. So ``#NLProc O`` is a word, whatever the mark.
    """

    def __init__(self, comment: str | None) -> None:
        self.marks = ("#", comment) if comment else ("#",)  # what starts a line that may be a header
        self._counts: Counter[str] = Counter()

    @property
    def notes(self) -> list[str]:
        """How many lines are headers without the user's mark, or words in spite of it."""
        texts = {
            "documents": f"documents, marked by {DOCUMENT}: {{}}",
            "comments": "comments, which start with '#' and cannot be words: {}",
            "words": f"words that start with {self.marks[-1]!r}, as they have all columns and a tag: {{}}",
        }
        return [text.format(self._counts[kind]) for kind, text in texts.items() if self._counts[kind]]

    def possible(self, line: str) -> bool:
        """Whether a line may be a header."""
        return line.startswith(self.marks) or DOCUMENT in line

    def found(self, line: str, layout: ConllLayout) -> bool:
        """Whether a line that may be a header is one, in a file of this layout; it is counted."""
        if line.startswith(HEADER):
            return True
        if DOCUMENT in line.split():
            self._counts["documents"] += 1
            return True
        marked = line.startswith(self.marks[1:])
        if not marked and not line.startswith(("# ", "#\t")):
            return False
        header = not _is_word(line, layout)
        self._counts["comments"] += header and not marked
        self._counts["words"] += marked and not header
        return header


def _is_word(line: str, layout: ConllLayout) -> bool:
    """Whether a line has all columns, and a tag."""
    cells = layout.cells(line)
    if len(cells) != layout.width or layout.width == 1:
        return False
    tag = cells[layout.tag].strip(" ")
    return is_tag(tag) or tag in layout.known_tags if layout.tags == "gold" else tag == FILLER
