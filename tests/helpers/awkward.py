"""Awkward sentences, for round trips."""

from __future__ import annotations

from hypothesis import strategies as st

from coner.core.types import Entity, Sentence
from coner.data.reading.words import sentence_from_text

# Combining and zero-width marks, emoji beyond the basic plane, right-to-left, ideographs, quotes, a byte order mark.
PIECES = st.sampled_from(
    ["a", "ß", "é", "e\u0301", "\u200b", "\u200d", "\u0915\u093f", "👩‍🚀", "𝔘", "שלום", "سلام", "東", '"', "'s", "\\"]
) | st.sampled_from(["\ufeff", "\u00a0", "\u2028", ";", "#", "-", ".", "O", "_", "<b>", "&amp;", "T1", "7"])
WORDS = st.lists(PIECES, min_size=1, max_size=3).map("".join)
LABELS = st.sampled_from(["Artist", "Tool/Part", "X-Y", "mañana", "O"])
IDS = st.sampled_from(["7", "doc-1", "Doc-1", "a/b", "né", "..", "con.txt", "x" * 200, "t'w\"o", "0000"])


@st.composite
def sentences(draw: st.DrawFn, *, raw: bool = True, scores: bool = True, unlabelled: bool = True) -> Sentence:
    """One sentence.

    Args:
        raw: it may come from text, with its own white space.
        scores: entities may have scores other than 1, and links.
        unlabelled: it may have no labels.
    """
    words = tuple(draw(st.lists(WORDS, min_size=1, max_size=6)))
    text, offsets = None, ()
    if raw and draw(st.booleans()):
        gap = st.sampled_from([" ", "", "  ", "\t", " \n "])
        cut = sentence_from_text("".join(word + draw(gap) for word in words) + "a")
        words, text, offsets = cut.words, cut.text, cut.offsets
    entities, at = [], 0
    while at < len(words) and draw(st.booleans()):
        start = draw(st.integers(at, len(words) - 1))
        at = draw(st.integers(start + 1, len(words)))
        score, link = (draw(st.floats(0, 1)), draw(st.sampled_from(["", "Q42"]))) if scores else (1.0, "")
        entities.append(Entity(start, at, draw(LABELS), score, link))
    labelled = not unlabelled or draw(st.booleans())
    return Sentence(words, tuple(entities) if labelled else None, draw(st.none() | IDS), text=text, offsets=offsets)


def gist(sentence: Sentence) -> tuple[object, ...]:
    """What every format of labelled sentences keeps, and the id."""
    return sentence.words, sentence.entities, sentence.id
