"""Remove from an answer what is not the answer: thinking, an echo of the prompt, invented further sentences."""

from __future__ import annotations

import re
from collections import Counter

from coner.families.llm.answers.events import Event, add

_THINKING = re.compile(r"<(think|thinking|thought|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_THINKING_END = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_NEXT_TURN = re.compile(r"(?<=[}\]`])[^\S\n]*+\n\s*+(?:Sentence:|Input:|User:|<\|im_start\|>).*", re.DOTALL)


def clean_answer(text: str, question: str, counts: Counter[str]) -> str:
    """The part of an answer that may hold mentions.

    A thinking block that never ends hides the rest; one whose start is in the prompt starts with the answer.

    Args:
        text: the answer.
        question: end of the prompt, which the answer may repeat.
        counts: counts what is removed.
    """
    rest = _THINKING_END.split(_THINKING.sub("", text))[-1]
    add(counts, Event.THINKING, rest != text)
    if question and question in rest:
        add(counts, Event.ECHO)
        before, _, after = rest.rpartition(question)
        rest = after if after.strip() else before
    kept = _NEXT_TURN.sub("", rest)
    add(counts, Event.RUN_ON, kept != rest)
    return kept.strip()
