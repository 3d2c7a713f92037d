"""An answer without what is no answer: thinking, an echo of the prompt, sentences that the model made up itself."""

from __future__ import annotations

import re
from collections import Counter

from coner.families.llm.answers.outcomes import Rule, add

_THOUGHT = re.compile(r"<(think|thinking|thought|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_END_OF_THOUGHT = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_NEXT = re.compile(r"(?<=[}\]`])[^\S\n]*+\n\s*+(?:Sentence:|Input:|User:|<\|im_start\|>).*", re.DOTALL)


def cleaned(text: str, asked: str, counts: Counter[str]) -> str:
    """What is left of an answer that is not plain JSON.

    A block of thinking that never ends hides the rest; one whose beginning stands in the prompt begins with the answer.

    Args:
        text: as it came.
        asked: what the prompt ended with.
        counts: told what was cut off.
    """
    rest = _END_OF_THOUGHT.split(_THOUGHT.sub("", text))[-1]
    add(counts, Rule.THINKING, rest != text)
    if asked and asked in rest:
        add(counts, Rule.ECHO)
        before, _, after = rest.rpartition(asked)
        rest = after if after.strip() else before
    ended = _NEXT.sub("", rest)
    add(counts, Rule.RUN_ON, ended != rest)
    return ended.strip()
