"""CoNLL: a word per line with its tag in the last column, and an empty line between sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from operator import methodcaller
from typing import TextIO

from coner.core.errors import OutputError
from coner.core.tags import Scheme, tags_from_entities
from coner.core.types import Sentence
from coner.data.formats import DEFAULTS, Edit, Format, Layout, WriteOptions, formats
from coner.data.formats._conll_reader import SAMPLE, ConllReader
from coner.data.reading.columns import look_tagged
from coner.data.reading.headers import DOCUMENT
from coner.data.reading.layout import ConllLayout
from coner.data.reading.reader import FILLER, HEADER
from coner.data.reading.renaming import rename_options

SPACES_AND_ENDS, TABS_AND_ENDS = re.compile("[ \t\n]"), re.compile("[\t\n]|^ | $")
UNFIT_ID = re.compile("[\t\r\n\0]|^ | $|^$")  # the reader cuts an id at tabs, and strips spaces
TAGGED = re.compile(
    "[ \t](?:[Oo_]|[BIESLUMW]-[^ \t]+|(?:[BMEW]|BB|EE|PP|WW)_[^ \t]+)$"
)  # the last: BMEWO+, to refuse it


def write_conll(
    sentences: Iterable[Sentence], handle: TextIO, layout: Layout = None, scheme: Scheme = "iob2", *, written: int = 0
) -> None:
    """Write sentences, see ``WriteOptions``; those without labels get ``_`` as tags, or no tags if the layout has none.

    Of a file that is continued, the sentences ``written`` before lack the end of their last line. ``OutputError`` for a
    word, an id or a label that would be read as another.
    """
    current: Callable[[], ConllLayout | None] = layout if callable(layout) else lambda: layout
    count = written
    for count, sentence in enumerate(sentences, written + 1):
        now = current() or ConllLayout()
        handle.write("\ufeff" * now.bom + now.beginning if count == 1 else now.newline + now.between)
        handle.write(now.newline.join(_lines(sentence, now, scheme)))
    now = current() or ConllLayout()
    handle.write(now.newline * now.final_newline * bool(count) + now.ending)


def column_of_tags(sentence: Sentence, scheme: Scheme) -> Sequence[str]:
    """The tags of the words, ``_`` if there are no labels; ``OutputError`` for a label that would not be read back."""
    if sentence.entities is None:
        return [FILLER] * len(sentence)
    for entity in sentence.entities:
        if SPACES_AND_ENDS.search(entity.label):
            raise _unfit(sentence, "label", entity.label)
    return tags_from_entities(sentence.entities, len(sentence), scheme)


def _unfit(sentence: Sentence, what: str, value: str) -> OutputError:
    place = f"sentence {sentence.id or sentence.line}"
    fix = f", or train with {rename_options([value])}" if what == "label" else ""
    return OutputError(f"{place}: got {what} {value!r}, which CoNLL cannot hold. Fix: write JSONL{fix}")


def _lines(sentence: Sentence, layout: ConllLayout, scheme: Scheme) -> Iterator[str]:
    if sentence.header:
        yield from sentence.header
    elif sentence.id:  # an empty id is none
        if UNFIT_ID.search(sentence.id):
            raise _unfit(replace(sentence, id=None), "id", sentence.id)
        yield HEADER + sentence.id
    joined = "".join(sentence.words)
    if not all(sentence.words) or SPACES_AND_ENDS.search(joined) or DOCUMENT in joined:
        bad = TABS_AND_ENDS if layout.tabs else SPACES_AND_ENDS
        if (word := next((w for w in sentence.words if w in ("", DOCUMENT) or bad.search(w)), None)) is not None:
            raise _unfit(sentence, "word", word)
    absent = layout.tags == "absent"
    tags = [""] * len(sentence) if absent and sentence.entities is None else column_of_tags(sentence, scheme)
    blank = (FILLER,) * (layout.width - 1 - (not absent))
    known: dict[tuple[tuple[str, ...], str], tuple[str, str]] = {}
    for word, others, tag in zip(sentence.words, sentence.columns or repeat(blank), tags, strict=False):
        key = (others, tag)
        if key not in known:
            known[key] = layout.around(others, tag)
        before, after = known[key]
        yield before + word + after


class Conll(Format):
    title = "CoNLL"
    reader = ConllReader
    suffixes = (".conll", ".iob", ".iob2", ".bio", ".bioes", ".tsv")
    holds = frozenset({"word borders", "labels", "ids", "labels missing", "middle columns", "headers"})
    bad_word = re.compile(f"[ \t\n\0]|^{DOCUMENT}$")
    bad_label = re.compile(r"[\s\0]")
    bad_id = UNFIT_ID
    appends = editable = True

    def sniff(self, head: bytes) -> float:
        """At least half of the lines end in a tag or ``_``, or have as many columns, one of them with tags."""
        lines = [line for line in head.decode(errors="replace").split("\n") if line.strip(" \t\r")]
        rows = [line.rstrip("\r") for line in lines if not line.startswith("#") and DOCUMENT not in line] or lines
        tagged = sum(bool(TAGGED.search(line.rstrip(" \t\r"))) for line in rows)
        return 0.9 * (2 * tagged >= len(rows) or look_tagged(rows[:SAMPLE]))

    def unfit(self, sentence: Sentence, *, labelled: bool, options: WriteOptions = DEFAULTS) -> str | None:
        if labelled and sentence.entities is None:
            return "it has no labels where others have; a CoNLL file has labels for all sentences or for none"
        if isinstance(options.layout, ConllLayout) and options.layout.tabs:  # words may have spaces
            sentence = replace(sentence, words=tuple([re.sub("(?<=[^ ]) +(?=[^ ])", "", w) for w in sentence.words]))
        return super().unfit(sentence, labelled=labelled, options=options)

    def write_text(self, sentences: Iterable[Sentence], handle: TextIO, options: WriteOptions = DEFAULTS) -> None:
        write_conll(sentences, handle, options.layout, options.scheme, written=options.written)

    def edits(self, before: Sentence, after: Sentence) -> Iterator[Edit]:
        first = before.line + len(before.header)
        for index, (old, new) in enumerate(zip(before.words, after.words, strict=True)):
            if old != new:
                yield first + index, methodcaller("replace", old, new, 1)


formats.register(Conll())
