"""Features of a sentence as a whole: what it is about."""

from __future__ import annotations

from collections.abc import Sequence

from coner.features.registry import Values, sentence_feature

# English; the function words of other languages cost a little time and get little weight.
STOP_WORDS = frozenset(
    """a about after all also an and are as at be been between but by can during first for from had has have he her
    his i in into is it its may more not of on one or other out over she some such than that the their there
    they this to two under until up was were when where which while who with""".split()  # noqa: SIM905  (a list would take a page)
)
MOST = 100  # words of a sentence that are looked at: in a text of thousands, any word would stand for any topic


@sentence_feature
def topic(words: Sequence[str]) -> Values:
    """Every content word of the sentence, once: an unseen name beside *album* and *label* is a musician's."""
    return list(dict.fromkeys(filter(is_content, words[:MOST])))


def is_content(word: str) -> bool:
    """Whether a word says what a text is about: a letter or digit in it, and no function word."""
    return word not in STOP_WORDS and any(map(str.isalnum, word))
