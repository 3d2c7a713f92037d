"""Plain text: words with their places in the characters, so that every entity maps back to them.

The splitter is plain, and follows the habits of the task's files:

- white space parts words and belongs to none;
- letters, digits and ``_`` in a row are a word; zero-width characters and combining marks stay in the word that they
  touch (Hindi and Bangla vowel signs are marks);
- ``- . ' ’ &`` between two letters or digits, and a comma between two digits, stay in the word (``jean-luc``,
  ``o'brien``, ``1,000``), but ``'s`` at a word's end is a word of its own;
- each ideograph is a word, and so is every other character.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from typing import Literal

from coner.core.types import Entity, Sentence

Span = tuple[int, int]
Splitter = Literal["coner", "spaces"]
SPACED = re.compile("[^ \t\r\n]+")
LINE = re.compile("[^\n]+")
IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"


def split_words(text: str) -> tuple[Span, ...]:
    """The half-open character spans of a text's words: in order, apart, and over every character but white space."""
    return tuple(find_words(text))


def find_words(text: str) -> Iterator[Span]:
    """The same, word by word: whoever has a limit need not cut a whole book to find it passed."""
    return (match.span() for match in _words().finditer(text))


def spaced_words(text: str) -> tuple[Span, ...]:
    """The spans of what stands between ASCII spaces, tabs and line ends: the words of CoNLL, joined by spaces."""
    return tuple([match.span() for match in SPACED.finditer(text)])


SPLITTERS: dict[Splitter, Callable[[str], tuple[Span, ...]]] = {"coner": split_words, "spaces": spaced_words}


@cache
def _words() -> re.Pattern[str]:
    """Made when first needed: it asks Unicode for the category of every character."""
    marks = "".join(map(re.escape, filter(_is_mark, map(chr, range(sys.maxunicode + 1)))))
    inner = f"(?:[^\\W{IDEOGRAPHS}]|[{marks}])"
    joint = f"(?:[-.'’&](?=[^\\W{IDEOGRAPHS}])|(?<=[0-9]),(?=[0-9]))"
    clitic = f"['’][sS](?!{inner})"
    return re.compile(
        f"{clitic}|[{marks}]*[{IDEOGRAPHS}][{marks}]*|{inner}+(?:(?!{clitic}){joint}{inner}+)*|\\S[{marks}]*"
    )


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf")


def sentence_from_text(text: str, *, id: str | None = None, line: int = 0, words: Splitter = "coner") -> Sentence:
    """A sentence without entities; ``ValueError`` where the text has no word.

    ``words="spaces"`` cuts it at white space only.
    """
    offsets = SPLITTERS[words](text)
    if not offsets:
        raise ValueError("text without a word")
    return Sentence(tuple([text[a:b] for a, b in offsets]), id=id, text=text, offsets=offsets, line=line)


def line_spans(text: str) -> Iterator[Span]:
    """Where the lines of a text stand that are not empty, without their ends (``\\n``, ``\\r\\n``)."""
    for line in LINE.finditer(text):
        start, end = line.span()
        yield start, end - text.endswith("\r", start, end)


def sentences_from_text(text: str) -> Iterator[tuple[int, Sentence]]:
    """A sentence for each line that has a word, with the place in the text where the line begins."""
    for start, end in line_spans(text):
        if text[start:end].strip():
            yield start, sentence_from_text(text[start:end])


def lone_surrogate(text: str) -> int | None:
    """Where half of a surrogate pair stands, which is no character and which no encoding can write."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def raw_text(sentence: Sentence) -> tuple[str, tuple[Span, ...]]:
    """Its text and the span of each word in it; where it came from no text, its words joined by single spaces."""
    if sentence.text is not None:
        return sentence.text, sentence.offsets
    spans, end = [], -1
    for word in sentence.words:
        start = end + 1
        end = start + len(word)
        spans.append((start, end))
    return " ".join(sentence.words), tuple(spans)


def character_span(entity: Entity, offsets: tuple[Span, ...]) -> Span:
    """Where an entity stands in the text, half-open."""
    return offsets[entity.start][0], offsets[entity.end - 1][1]
