"""The interface of every tagger: sentences in, one prediction per sentence out; saved as a folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from coner.core.errors import ConfigError, DataError, Unanswered
from coner.core.html import notebook_sentence
from coner.core.types import Entity, Mention, Sentence, require_sentence
from coner.data.reading.words import character_span, lone_surrogate, sentences_from_text
from coner.data.taxonomy import Taxonomy
from coner.families.knowledge_use import EMBEDDED
from coner.families.linking import Linker
from coner.families.operating_point import OperatingPoint
from coner.families.rules import UNCHANGED, Changes, Rules
from coner.families.usage import Failure, Spending, Usage

if TYPE_CHECKING:
    from coner.decoding.chain import Chain, Scores
    from coner.knowledge.knowledge import Knowledge
    from coner.knowledge.settings import KnowledgeSettings
    from coner.knowledge.typed import TypedKnowledge


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction for one sentence."""

    sentence: Sentence  # the input
    # sorted, not overlapping, each with its confidence; ``None`` if there is no answer
    entities: tuple[Entity, ...] | None
    repaired: int = 0  # number of predicted tags that were repaired (see ``tags.repair_tags``)
    failures: tuple[Failure, ...] = ()  # why the sentence, or some of its spans, have no answer
    usage: Usage | None = None  # of an endpoint, since the previous prediction
    reliable: bool = True  # the whole answer could be read; if not, entities may be missing
    below: int = 0  # number of entities left out, as their confidence is below the threshold of the model
    changes: Changes = UNCHANGED  # number of entities that rules added, removed and relabelled
    known: tuple[tuple[str, ...], ...] | None = None  # of each entity, what a knowledge base has; if it is looked up

    def _repr_html_(self) -> str:
        """The text with the predicted mentions in colour, for notebooks."""
        reasons = "; ".join(dict.fromkeys(failure.reason for failure in self.failures))
        return notebook_sentence(self.sentence, self.entities, f"no answer: {reasons}" if reasons else "no answer")


class Tagger(ABC):
    """Finds entities. A family implements ``predict_raw`` and ``save``; the rest is built on them."""

    kind: ClassVar[str]  # its family, as in ``model.json``
    model: str = ""  # name of the language model that it calls; empty if none
    labels: tuple[str, ...]  # every label that it can predict
    taxonomy: Taxonomy  # of the labels
    # unit of the failure counts: a ``sentence``, or a ``span`` in a sentence that still gets entities
    unit: str = "sentence"
    batch_sentences: int | None = None  # maximum sentences per batch of a stream; ``None``: limited by words only
    batch_multiple: int = 1  # batches have a multiple of this number of sentences, except the last one
    knowledge: TypedKnowledge | None = None  # matches names, if it was trained with a knowledge base
    operating_point: OperatingPoint | None = None  # calibration and thresholds; ``save`` stores them with the model
    rules: Rules | None = None  # applied to predictions; like ``linker`` not stored with the model
    linker: Linker | None = None  # gives entities their ids in a knowledge base

    @abstractmethod
    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """``predict`` without what follows decoding: calibration, thresholds, rules and links."""

    def predict(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        """Yield a prediction for each sentence, in order; gold entities are ignored.

        Confidences are calibrated, and entities below their threshold left out, if the model has an operating point;
        then rules are applied, and entities are linked. ``DataError`` for what is not a ``Sentence``.
        """
        for sentence in sentences:
            require_sentence(sentence)
        for prediction in self.predict_raw(sentences):
            yield prediction if prediction.entities is None else self._finish(prediction, prediction.entities)

    def _finish(self, prediction: Prediction, entities: tuple[Entity, ...]) -> Prediction:
        words, predicted, changes = prediction.sentence.words, len(entities), UNCHANGED
        if self.operating_point is not None:
            entities = self.operating_point.apply(entities)
        below = predicted - len(entities)
        if self.rules is not None:
            entities, changes = self.rules.apply(words, entities)
        if self.linker is not None:
            entities = self.linker.link(words, entities)
        return replace(prediction, entities=entities, below=below, changes=changes)

    @property
    def names(self) -> Knowledge | None:
        """The knowledge base that it links to, or else looks names up in."""
        if self.linker is not None:
            return self.linker.knowledge
        return None if self.knowledge is None else self.knowledge.knowledge

    def _embed_knowledge(self, settings: KnowledgeSettings, folder: Path) -> None:
        """Copy the knowledge base into a new folder of the model, if the settings say so."""
        if self.knowledge is not None and settings.embed:
            from coner.families.knowledge import embed

            embed(self.knowledge, folder / EMBEDDED)

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the model folder, completely or not at all; ``OutputError`` if that fails."""

    @property
    def hardware(self) -> str:
        """Device, threads and precision, for messages; empty if there is nothing to choose."""
        return ""

    def limit(self, spending: Spending) -> None:
        """Limit calls to an endpoint, before the first one; ``ConfigError`` if this family calls none."""
        spending.require_none(f"a model of kind {self.kind}")

    def tag_scores(self, sentences: Sequence[Sentence]) -> Iterator[tuple[Chain, Scores]]:
        """For each sentence, which has a word, the chain and the emissions (W x C) that give any span its probability.

        ``ConfigError`` unless the family declares that it ``has_chain``.
        """
        from coner.families.registry import kinds

        expected = " or ".join(kinds(has_chain=True))
        raise ConfigError(f"a model of kind {self.kind} has no chain of tags; expected one of kind {expected}")

    def check_endpoint(self) -> None:  # noqa: B027 - most taggers call none
        """Ask for the permission to call an endpoint, before the first call; ``ConfigError`` if it is not given."""

    def tag(self, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        """The entities of each sentence; ``Unanswered`` if one has no answer (``predict`` still yields the others)."""
        return [list(prediction.entities or ()) for prediction in self.answers(sentences)]

    def answers(self, sentences: Sequence[Sentence]) -> list[Prediction]:
        """The prediction for each sentence; ``Unanswered`` if one has no answer."""
        predictions = list(self.predict(sentences))
        if lost := [p for p in predictions if p.entities is None]:
            failures = Counter(failure for p in lost for failure in p.failures)
            raise Unanswered(f"{len(lost)} of {len(predictions)} sentences have no answer", failures)
        return predictions

    def __call__(self, text: str) -> list[Mention]:
        """The mentions of a text, in order; see ``texts``."""
        return self.texts([text])[0]

    def texts(self, texts: Sequence[str]) -> list[list[Mention]]:
        """The mentions of each text, in order; each line is a sentence. ``Unanswered`` if one has no answer."""
        if isinstance(texts, str):
            raise DataError("expected a list of texts, got a single string; call the tagger itself with one text")
        lines = [(number, *line) for number, text in enumerate(texts) for line in _lines(text, number)]
        mentions: list[list[Mention]] = [[] for _ in texts]
        for (number, begin, sentence), entities in zip(lines, self.tag([line[2] for line in lines]), strict=True):
            for entity in entities:
                start, end = (begin + place for place in character_span(entity, sentence.offsets))
                text, group = texts[number][start:end], self.taxonomy.coarse_of(entity.label)
                found = Mention(text, entity.label, group, entity.score, start=start, end=end, kb_id=entity.kb_id)
                mentions[number].append(found)
        return mentions

    def __repr__(self) -> str:
        hardware = f", {self.hardware}" if self.hardware else ""
        return f"<{type(self).__name__}: {len(self.labels)} labels ({self.taxonomy.name}){hardware}>"


def _lines(text: str, number: int) -> Iterator[tuple[int, Sentence]]:
    if not isinstance(text, str):
        raise DataError(f"text {number}: got {type(text).__name__}; expected a string (for words in a list: tag)")
    if (half := lone_surrogate(text)) is not None:
        raise DataError(f"text {number}: character {half} is a lone surrogate; expected whole characters")
    return sentences_from_text(text)
