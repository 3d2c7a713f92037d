"""Whether a knowledge base was made from the sentences that a tagger is evaluated on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from coner.core.counted import counted
from coner.core.types import Sentence
from coner.knowledge.knowledge import Knowledge
from coner.knowledge.mentions import text_number


class Leak(NamedTuple):
    """What a knowledge base knows about some sentences that it should not."""

    sentences: int  # that it was made from; 0: which ones is not known, as it is simulated
    files: tuple[str, ...]  # that have these sentences

    @property
    def what(self) -> str:
        """What is known, for messages."""
        return f"mentions of {counted(self.sentences, 'sentence')}" if self.sentences else "mentions"

    @property
    def source(self) -> str:
        """Where it is from, for messages."""
        return f"from {', '.join(self.files)}" if self.files else "it was made from gold mentions"


def find_leak(knowledge: Knowledge, sentences: Iterable[Sentence]) -> Leak | None:
    """What a knowledge base knows about sentences by having been built from them; ``None`` if nothing is."""
    if knowledge.simulated:
        return Leak(0, ())
    shared = knowledge.shared({text_number(sentence) for sentence in sentences})
    return Leak(sum(shared.values()), tuple(shared)) if shared else None
