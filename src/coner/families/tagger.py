"""What every tagger is, whatever its kind: one method, a list of labels, and a folder to live in.

Every kind derives from it, and so takes raw text too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from coner.core.errors import DataError
from coner.core.types import Entity, Mention, Sentence
from coner.data.formats.text import character_span, lone_surrogate, sentences_from_text
from coner.data.taxonomy import Taxonomy


@runtime_checkable
class Tagger(Protocol):
    """Finds entities.

    Attributes:
        kind: the family, as in ``model.json``.
        labels: every label that it can give.
        taxonomy: of the labels.
        repaired: predicted tags mended since the tagger was made (see ``tags.repair_tags``).
    """

    kind: str
    labels: tuple[str, ...]
    taxonomy: Taxonomy
    repaired: int

    @property
    def computes(self) -> str:
        """On what, for people; empty where there is nothing to choose."""
        return ""

    def tag(self, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        """Entities of each sentence: sorted, not overlapping, each with its probability; gold is not looked at."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model folder: ``model.json`` and what it names, whole or not at all."""
        ...

    def __call__(self, text: str) -> list[Mention]:
        """What is mentioned in a text, in order; ``texts`` says how it is cut."""
        return self.texts([text])[0]

    def texts(self, texts: Sequence[str]) -> list[list[Mention]]:
        """What is mentioned in each text, in order; sentences of all texts are tagged together.

        Each line is a sentence, as in a file of text; ``data.text`` cuts it into words, as for every other command.
        A line of any length is taken: what an encoder cannot see at once, it sees in windows.

        Raises:
            DataError: what came is no list of texts.
        """
        if isinstance(texts, str):
            raise DataError("came one text; expected a list of texts (call the tagger itself with one)")
        cut = [(number, *found) for number, text in enumerate(texts) for found in _cut(text, number)]
        mentions: list[list[Mention]] = [[] for _ in texts]
        for (number, begin, sentence), entities in zip(cut, self.tag([sentence for *_, sentence in cut]), strict=True):
            for entity in entities:
                start, end = (begin + place for place in character_span(entity, sentence.offsets))
                group = self.taxonomy.coarse_of(entity.label)
                mentions[number].append(
                    Mention(texts[number][start:end], entity.label, group, entity.score, start=start, end=end)
                )
        return mentions


def _cut(text: str, number: int) -> Iterator[tuple[int, Sentence]]:
    if not isinstance(text, str):
        raise DataError(f"text {number}: came {type(text).__name__}; expected a string (words in a list: tag)")
    if (half := lone_surrogate(text)) is not None:
        raise DataError(f"text {number}: character {half} is half of a surrogate pair; expected whole characters")
    return sentences_from_text(text)
