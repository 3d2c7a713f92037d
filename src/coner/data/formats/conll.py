"""How a CoNLL file looks beside its words, and sentences written with those looks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import TextIO

from coner.core.errors import OutputError
from coner.core.tags import Scheme, tags_from_entities
from coner.core.types import Sentence
from coner.data.reading.layout import FILLER, HEADER, ConllLayout

SPACES_AND_ENDS = re.compile("[ \t\n]")
UNFIT_ID = re.compile("[\t\r\n\0]|^ | $|^$")  # what is read back is cut at tabs and of spaces around


def write_conll(
    sentences: Iterable[Sentence],
    handle: TextIO,
    format: ConllLayout | Callable[[], ConllLayout] | None = None,
    scheme: Scheme = "iob2",
    *,
    written: int = 0,
) -> int:
    """Write sentences; those without entities (``None``) keep their column of tags empty, or have none.

    Args:
        sentences: may come from a running reader.
        handle: keeps line ends as they are (see ``files.atomic_write``).
        format: of the file, or a function that tells what is known of it so far (``lambda: reader.layout``); without
            it the file looks like MultiCoNER's.
        scheme: iob2 or bioes.
        written: sentences of the same file that were written before, all but the end of the last one's last line.

    Returns:
        How many sentences were written, those included.

    Raises:
        OutputError: a word is empty or has a space, a tab or a line end in it; an id would come back as another.
    """
    now = format if callable(format) else lambda: format or ConllLayout()
    count = written
    for count, sentence in enumerate(sentences, written + 1):
        look = now()
        handle.write("\ufeff" * look.bom + look.beginning if count == 1 else look.newline + look.between)
        handle.write(look.newline.join(_lines(sentence, look, scheme)))
    look = now()
    handle.write(look.newline * look.final_newline * bool(count) + look.ending)
    return count


def check_labels(sentence: Sentence) -> None:
    """Raise ``OutputError`` where a label would not come back from a column of tags."""
    for entity in sentence.entities or ():
        if SPACES_AND_ENDS.search(entity.label):
            where = f"sentence {sentence.id or sentence.line}"
            raise OutputError(f"{where}: label {entity.label!r} cannot be part of a tag; write JSONL")


def _lines(sentence: Sentence, look: ConllLayout, scheme: Scheme) -> Iterator[str]:
    if sentence.header:
        yield from sentence.header
    elif sentence.id:  # an empty one is none
        if UNFIT_ID.search(sentence.id):
            raise OutputError(f"sentence {sentence.line}: {sentence.id!r} cannot be an id of a CoNLL file; write JSONL")
        yield HEADER + sentence.id
    if not all(sentence.words) or SPACES_AND_ENDS.search("".join(sentence.words)):
        word = next(word for word in sentence.words if not word or SPACES_AND_ENDS.search(word))
        raise OutputError(
            f"sentence {sentence.id or sentence.line}: {word!r} cannot be a word of a CoNLL file; write JSONL"
        )
    check_labels(sentence)
    tags: Sequence[str] | None = None
    if sentence.entities is not None:
        tags = tags_from_entities(sentence.entities, len(sentence), scheme)
    elif look.tags != "absent":
        tags = [FILLER] * len(sentence)
    blank = (FILLER,) * (len(look.separators) - (look.tags != "absent"))
    columns = sentence.columns or repeat(blank)
    tails: dict[tuple[tuple[str, ...], str], str] = {}
    for word, middle, tag in zip(sentence.words, columns, tags or repeat(""), strict=False):
        key = (middle, tag)
        if key not in tails:
            cells = (*middle, tag) if tag else middle
            apart = chain(look.separators, repeat(look.separators[-1] if look.separators else " "))
            tails[key] = "".join(chain.from_iterable(zip(apart, cells, strict=False)))
        yield word + tails[key]
