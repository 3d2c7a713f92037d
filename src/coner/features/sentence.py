"""Features of a whole sentence: its topic."""

from __future__ import annotations

from collections.abc import Sequence

from coner.features.registry import Values, feature

# English; the function words of other languages cost a little time and get little weight.
STOP_WORDS = frozenset(
    """a about after all also an and are as at be been between but by can during first for from had has have he her
    his i in into is it its may more not of on one or other out over she some such than that the their there
    they this to two under until up was were when where which while who with""".split()  # noqa: SIM905  (a list would take a page)
)
MAX_WORDS = 100  # of a sentence: in a text of thousands of words every word would indicate every topic


@feature("sentence")
def topic(words: Sequence[str]) -> Values:
    """Every content word of the sentence, once: an unseen name in a sentence with *album* and *label* is a musician."""
    return list(dict.fromkeys(filter(is_content, words[:MAX_WORDS])))


def is_content(word: str) -> bool:
    """Whether a word has a letter or digit and is not a function word."""
    return word not in STOP_WORDS and any(map(str.isalnum, word))
