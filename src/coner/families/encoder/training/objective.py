"""What a model is trained to minimise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from torch import Tensor

from coner.core.types import Sentence
from coner.families.encoder.backbone.batch import Batch, collate
from coner.families.encoder.backbone.typed import drop_matches
from coner.families.encoder.cpu.accelerate import accelerated
from coner.families.encoder.training.frozen import FrozenLayers

if TYPE_CHECKING:
    from coner.families.knowledge import TrainingKnowledge


class Objective(ABC):
    """Losses of the network of a ``NetworkTagger`` on labelled sentences. ``weights``: of the sentences; default: 1."""

    names: tuple[str, ...] = ("loss",)
    frozen: FrozenLayers | None = None
    match_dropout: float = 0.0  # probability that a match of a training sentence is left out
    encoder_from: int = 0  # first epoch in which the encoder is trained
    repeats: int = 1  # how often a pass has each of its sentences

    def __init__(self, tagger: Any, sentences: Sequence[Sentence], weights: Sequence[float] | None = None) -> None:
        self.tagger, self.sentences = tagger, sentences
        self.sentence_weights = list(weights or [1.0] * len(sentences))
        self.pieces = tagger.pieces([sentence.words for sentence in sentences])
        self.lengths = [len(pieces.ids) for pieces in self.pieces]  # for batches

    def inform(self, knowledge: TrainingKnowledge) -> None:
        """Add to each training sentence its matches in the knowledge base."""
        self.pieces = [
            self.tagger.with_matches(pieces, sentence.words, knowledge(sentence.words), knowledge.typed)
            for pieces, sentence in zip(self.pieces, self.sentences, strict=True)
        ]
        self.lengths = [pieces.size for pieces in self.pieces]

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """Compute what all steps share; called once, before the first one, also of a resumed run."""

    def size(self, examples: Sequence[int]) -> float:
        """What the summed losses of a step are divided by: the words of these sentences, weighted."""
        return sum(self.sentence_weights[i] * len(self.sentences[i]) for i in examples)

    def losses(self, examples: Sequence[int]) -> Mapping[str, Tensor]:
        """The losses by name in nats, summed over these sentences (by index) in one pass; some may be missing."""
        tagger, pieces = self.tagger, [self.pieces[i] for i in examples]
        if self.match_dropout and tagger.network.training:
            pieces = drop_matches(pieces, self.match_dropout)
        batch = collate(pieces, tagger.pieces, tagger.device)
        frozen = self.frozen if self.frozen and not self.frozen.are_trained else None
        replayed = frozen.replayed(batch, examples) if frozen else nullcontext()
        with accelerated(tagger.encoder, tagger.precision), replayed:
            return self.batch_losses(batch, examples)

    @abstractmethod
    def batch_losses(self, batch: Batch, examples: Sequence[int]) -> Mapping[str, Tensor]:
        """``losses`` of these sentences as a batch on the device of the network."""

    def weights(self, epoch: float) -> Mapping[str, float]:
        """The weight of each loss in the minimised sum, after this many epochs; by default 1."""
        return dict.fromkeys(self.names, 1.0)

    def history(self, losses: Mapping[str, float], epoch: float) -> dict[str, Any]:
        """The mean losses of an epoch for the record: at least ``loss``."""
        return {"loss": losses[self.names[0]]}

    def log_line(self, entry: Mapping[str, Any]) -> str:
        """An entry of the history as text for the log."""
        return f"loss {entry['loss']:.4f}"

    def curves(self, losses: Mapping[str, float], epoch: float) -> dict[str, float]:
        """The mean losses of a step for TensorBoard."""
        return {f"loss/{name}": value for name, value in losses.items()}
