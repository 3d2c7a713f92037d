"""Events that are counted while answers become entities: one table, so that nothing is lost silently.

Every mention in an answer counts once as ``mentions``, and is either kept or counted once under an event of the
category ``dropped``. A repaired mention is kept, and counts once under the strongest repair that its text needed; a
repaired label counts in addition, whether or not the text is found. An answer repaired as a whole counts once too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

Category = Literal["seen", "repaired", "dropped", "answer"]


class Event(StrEnum):
    """Keys of ``counts``, each with its category."""

    category: Category

    def __new__(cls, key: str, category: Category) -> Event:
        event = str.__new__(cls, key)
        event._value_ = key
        event.category = category
        return event

    ANSWERS = "answers", "seen"  # answers received
    MENTIONS = "mentions", "seen"  # mentions in the answers, kept or dropped

    # The answer as a whole.
    FAILED = "failed", "answer"  # calls without an answer: budget, refused, unreachable, exhausted
    CUT = "cut", "answer"  # answers cut off at the token limit; their complete mentions are kept
    THINKING = "thinking", "answer"  # answers with a thinking block, which is ignored
    ECHO = "echo", "answer"  # answers that repeat the prompt first; only what follows is read
    RUN_ON = "run_on", "answer"  # answers that continue with invented sentences, which are ignored
    REPAIRED = "mended", "repaired"  # answers whose JSON was invalid or inside other text, and could be read
    PLAIN = "plain", "repaired"  # answers without JSON, read as a list of lines
    UNPARSABLE = "unparsable", "answer"  # answers in which nothing can be read
    UNANSWERED = "unanswered", "answer"  # sentences without a usable answer; they get no entity

    # Mentions that are kept after a repair.
    LABEL = "label", "repaired"  # the label differs in case, spaces or punctuation, or is prefixed with its group
    CASE = "case", "repaired"  # the text differs in case
    SPACING = "spacing", "repaired"  # the text differs in spaces
    UNICODE = "unicode", "repaired"  # the text differs in accents, quotes, dashes or zero-width characters
    PUNCTUATION = "punctuation", "repaired"  # the text has punctuation at its ends that is not part of the mention
    PART = "part_of_word", "repaired"  # the text starts or ends within a word, at punctuation; extended to the word

    # Mentions that are dropped.
    INCOMPLETE = "incomplete", "dropped"  # no text or no label, as at the end of a cut answer
    UNKNOWN_LABEL = "unknown_label", "dropped"  # the label is none of the classes
    COARSE_LABEL = "coarse_label", "dropped"  # the label is a group where a class was requested
    HALLUCINATED = "hallucinated", "dropped"  # the text is not in the sentence
    INSIDE_WORD = "inside_word", "dropped"  # the text is only a part of a longer word
    REPEATED = "repeated", "dropped"  # the mention is listed more often than it occurs
    OVERLAP = "overlap", "dropped"  # overlaps a longer mention, or an earlier one of the same length
    STRAY = "stray", "dropped"  # belongs to no sentence: its number is missing, or not one of the prompt
    SUPERSEDED = "superseded", "dropped"  # is in a draft before or beside the answer
    UNTYPED = "untyped", "dropped"  # the second of two steps names no class within the group

    # The choice of a label for a mention.
    CHOICES = "choices", "seen"  # mentions whose label was requested
    UNDECIDED = "undecided", "answer"  # of those, answers that name none of the labels, or several


def add(counts: Counter[str], event: Event, count: int = 1) -> None:
    """Count an event; events that never happen have no key."""
    if count:
        counts[event.value] += count


def total(counts: Mapping[str, int], category: Category) -> int:
    """The sum of all counts of a category."""
    return sum(counts.get(event, 0) for event in Event if event.category == category)
