"""Text split into words with their character spans, so that every entity maps back to the text.

The rules of the splitter:

- white space separates words and belongs to none;
- a run of letters, digits and ``_`` is a word; zero-width characters and combining marks stay in the word that they
  touch (Hindi and Bangla vowel signs are marks);
- ``- . ' ’ &`` between two letters or digits, and a comma between two digits, stay in the word (``jean-luc``,
  ``o'brien``, ``1,000``), but ``'s`` at the end of a word is a word of its own;
- each ideograph is a word, and so is every other character.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal

from coner.core.types import Entity, Sentence

Span = tuple[int, int]
Splitter = Literal["coner", "spaces"]
BOM = "\ufeff"
SPACED = re.compile("[^ \t\r\n]+")  # the words of CoNLL, if they are joined by spaces
LINE = re.compile("[^\n]+")
IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"


def split_words(text: str) -> tuple[Span, ...]:
    """The half-open character spans of the words of a text, in order; they cover every character but white space."""
    return tuple(find_words(text))


def find_words(text: str) -> Iterator[Span]:
    """``split_words``, lazily: a caller with a limit need not split a whole book."""
    return (match.span() for match in _word_pattern().finditer(text))


SPLITTERS: dict[Splitter, Callable[[str], tuple[Span, ...]]] = {
    "coner": split_words,
    "spaces": lambda text: tuple([match.span() for match in SPACED.finditer(text)]),
}


@cache  # not at import: it looks up the category of every character of Unicode
def _word_pattern() -> re.Pattern[str]:
    characters = map(chr, range(sys.maxunicode + 1))
    marks = "".join([re.escape(c) for c in characters if unicodedata.category(c) in ("Mn", "Mc", "Me", "Cf")])
    inner = f"(?:[^\\W{IDEOGRAPHS}]|[{marks}])"
    # Possessive: otherwise each repetition takes memory until the word ends, 7 GB for a word of 100 MB.
    inners = f"(?:[^\\W{IDEOGRAPHS}]++|[{marks}]++)++"
    joint = f"(?:[-.'’&](?=[^\\W{IDEOGRAPHS}])|(?<=[0-9]),(?=[0-9]))"
    clitic = f"['’][sS](?!{inner})"
    ideograph, run = f"[{marks}]*[{IDEOGRAPHS}][{marks}]*", f"{inners}(?:(?!{clitic}){joint}{inners})*+"
    return re.compile(f"{clitic}|{ideograph}|{run}|\\S[{marks}]*")


def sentence_from_text(text: str, *, id: str | None = None, line: int = 0, words: Splitter = "coner") -> Sentence:
    """A sentence without entities, which keeps the text; ``ValueError`` if the text has no word."""
    offsets = SPLITTERS[words](text)
    if not offsets:
        raise ValueError("got text without a word")
    return Sentence(tuple([text[a:b] for a, b in offsets]), id=id, text=text, offsets=offsets, line=line)


def line_spans(text: str) -> Iterator[Span]:
    """The spans of the non-empty lines of a text, without their ends (``\\n``, ``\\r\\n``)."""
    for line in LINE.finditer(text):
        start, end = line.span()
        yield start, end - text.endswith("\r", start, end)


def paragraph_spans(text: str) -> Iterator[Span]:
    """The spans of the runs of lines without an empty line, or one of white space, between them."""
    first, last = 0, -1  # of the lines of the run, if there is one
    for start, end in line_spans(text):
        if not text[start:end].strip():
            continue
        if last >= 0 and text[last:start].count("\n") > 1:
            yield first, last
            last = -1
        first, last = start if last < 0 else first, end
    if last >= 0:
        yield first, last


def sentences_from_text(text: str) -> Iterator[tuple[int, Sentence]]:
    """A sentence for each line that has a word, and the character at which the line starts."""
    for start, end in line_spans(text):
        if text[start:end].strip():
            yield start, sentence_from_text(text[start:end])


def lone_surrogate(text: str) -> int | None:
    """Index of the first lone surrogate, which no encoding can write; ``None`` if there is none."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def raw_text(sentence: Sentence) -> tuple[str, tuple[Span, ...]]:
    """The text of a sentence and the span of each word in it; without a text, its words joined by single spaces."""
    if sentence.text is not None:
        return sentence.text, sentence.offsets
    spans, end = [], -1
    for word in sentence.words:
        start, end = end + 1, end + 1 + len(word)
        spans.append((start, end))
    return " ".join(sentence.words), tuple(spans)


def character_span(entity: Entity, offsets: tuple[Span, ...]) -> Span:
    """The half-open span of characters of an entity."""
    return offsets[entity.start][0], offsets[entity.end - 1][1]


def entity_objects(sentence: Sentence) -> list[dict[str, Any]]:
    """The entities of a sentence as in JSONL: character spans with labels, scores other than 1, and links."""
    offsets = raw_text(sentence)[1]
    objects: list[dict[str, Any]] = []
    for entity in sentence.entities or ():
        start, end = character_span(entity, offsets)
        score = {} if entity.score == 1 else {"score": entity.score}
        link = {"kb_id": entity.kb_id} if entity.kb_id else {}
        objects.append({"start": start, "end": end, "label": entity.label, **score, **link})
    return objects
