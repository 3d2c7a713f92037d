"""What is counted while answers become entities: one table, so that nothing is lost silently.

Every mention that an answer names is counted once under ``mentions``, and is either kept or counted once under a rule
whose fate is ``dropped``: kept = ``mentions`` - everything dropped. Repairs are kept; each counts once, under the
strongest rule that its words needed, and a mended label beside that, whether or not its words are found. An answer
that was mended as a whole counts once too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

Fate = Literal["seen", "repaired", "dropped", "answer"]


class Rule(StrEnum):
    """Keys of ``counts``, each with its fate and what it means."""

    fate: Fate
    meaning: str

    def __new__(cls, key: str, fate: Fate, meaning: str) -> Rule:
        """A string that knows more of itself."""
        rule = str.__new__(cls, key)
        rule._value_ = key
        rule.fate = fate
        rule.meaning = meaning
        return rule

    ANSWERS = "answers", "seen", "answers that came"
    MENTIONS = "mentions", "seen", "mentions that the answers name, kept or not"

    # The answer as a whole.
    FAILED = "failed", "answer", "calls without an answer: budget, refused, unreachable, exhausted"
    CUT = "cut", "answer", "answers cut off at the limit of tokens; what is complete in them is kept"
    THINKING = "thinking", "answer", "answers with a thinking block, which is not read"
    ECHO = "echo", "answer", "answers that repeat the prompt first; only what follows is read"
    RUN_ON = "run_on", "answer", "answers that go on with sentences of their own, which are not read"
    MENDED = "mended", "repaired", "answers whose JSON was wrapped in other text or not valid, and could be read"
    PLAIN = "plain", "repaired", "answers without JSON, read as a list of lines"
    UNPARSABLE = "unparsable", "answer", "answers in which nothing can be read"
    UNANSWERED = "unanswered", "answer", "sentences without a usable answer; they get no entity"

    # Mentions that are kept, but not as they were written.
    LABEL = "label", "repaired", "the label in other case, spaces or punctuation, or with its group"
    CASE = "case", "repaired", "the words in other case"
    SPACING = "spacing", "repaired", "the words with other spaces, or none"
    UNICODE = "unicode", "repaired", "other forms of characters: accents, quotes, dashes, zero-width"
    PUNCTUATION = "punctuation", "repaired", "punctuation at the ends that is not the mention's"
    PART = "part_of_word", "repaired", "begins or ends within a word at a punctuation mark; grown to the word"

    # Mentions that are not kept.
    INCOMPLETE = "incomplete", "dropped", "without words or without a label, as at the end of a cut answer"
    UNKNOWN_LABEL = "unknown_label", "dropped", "a label that is none of the classes"
    COARSE_LABEL = "coarse_label", "dropped", "the name of a group where a class was asked for"
    HALLUCINATED = "hallucinated", "dropped", "words that are not in the sentence"
    INSIDE_WORD = "inside_word", "dropped", "letters out of the middle of a word"
    REPEATED = "repeated", "dropped", "a mention named more often than it occurs"
    OVERLAP = "overlap", "dropped", "shares words with a longer mention, or with an earlier one of the same length"
    STRAY = "stray", "dropped", "of no sentence: its number was not asked for, or there is none"
    SUPERSEDED = "superseded", "dropped", "in a draft, before or beside the answer"

    UNTYPED = "untyped", "dropped", "of which no class within its group is named, in the second of two steps"

    # The choice of a label for a given mention.
    CHOICES = "choices", "seen", "mentions whose label was asked for"
    UNDECIDED = "undecided", "answer", "of those, answers that name none of the labels, or several"


def add(counts: Counter[str], rule: Rule, count: int = 1) -> None:
    """Count something; what never happens has no key."""
    if count:
        counts[rule.value] += count


def dropped(counts: Mapping[str, int]) -> int:
    """How many mentions were not kept."""
    return sum(counts.get(rule, 0) for rule in Rule if rule.fate == "dropped")
