"""The losses of a student: distance to its teacher's emissions and hidden states, and the loss on gold tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from coner.core.types import Sentence
from coner.families.encoder.backbone.batch import Batch
from coner.families.encoder.backbone.pooling import Pooling
from coner.families.encoder.decoder import gold_loss
from coner.families.encoder.fit import TaggingObjective
from coner.families.encoder.shrink.targets import Targets, Teacher
from coner.families.encoder.tagger import EncoderTagger

TEMPERATURE = 2.0
WEIGHTS = {"emissions": 1.0, "states": 1.0, "gold": 0.1}


def emissions_loss(student: Tensor, teacher: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """``T² KL(softmax(teacher / T) || softmax(student / T))`` in nats, summed over words; N x C each.

    Hinton, Vinyals and Dean 2015 (arXiv 1503.02531). With a CRF, whose other scores the student shares, emissions that
    agree up to a constant for each word give the same distribution of tag sequences.
    """
    own, other = ((emissions / temperature).log_softmax(-1) for emissions in (student, teacher))
    return temperature**2 * F.kl_div(own, other, reduction="sum", log_target=True)


def states_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Squared distance of word vectors, divided by the squared length of the teacher's; N x L x H each.

    The mean over layers, summed over words. It does not depend on the scale of a layer.
    """
    distance = (student - teacher).square().sum(-1) / teacher.square().sum(-1)
    return distance.mean(1).sum()


class ShrinkObjective(TaggingObjective):
    """A weighted sum of the distances to the teacher, over all words, and of the loss on the sentences with labels."""

    names = ("emissions", "states", "gold")

    def __init__(
        self,
        tagger: EncoderTagger,
        sentences: Sequence[Sentence],
        weights: Sequence[float] | None = None,
        *,
        teacher: EncoderTagger,
        matched: Sequence[int],
    ) -> None:
        given = weights or [1.0] * len(sentences)
        labelled = [weight * (s.entities is not None) for weight, s in zip(given, sentences, strict=True)]
        super().__init__(tagger, sentences, labelled)
        on_device = EncoderTagger.of(teacher.network.to(tagger.device), teacher.pieces.tokenizer, teacher.manifest)
        self.teacher = Teacher(on_device, matched, sentences)
        layers = range(1, tagger.encoder.config.num_hidden_layers + 1)
        self.pooling = Pooling(list(layers), tagger.settings.encoder.pooling)

    def prepare(self) -> None:
        self.teacher.store()

    def size(self, examples: Sequence[int]) -> float:
        return sum(len(self.sentences[i]) for i in examples)

    def batch_losses(self, batch: Batch, examples: Sequence[int]) -> Mapping[str, Tensor]:
        student, teacher = Targets.of(self.tagger, batch, self.pooling), self.teacher(batch, examples)
        return {
            "emissions": emissions_loss(student.emissions, teacher.emissions),
            "states": states_loss(student.states, teacher.states),
            "gold": self._gold_loss(student.emissions, batch, examples),
        }

    def _gold_loss(self, emissions: Tensor, batch: Batch, examples: Sequence[int]) -> Tensor:
        rows = [row for row, i in enumerate(examples) if self.sentences[i].entities is not None]
        if not rows:
            return emissions.new_zeros(())
        labelled = [examples[row] for row in rows]
        gold = self.fine.gold(labelled, emissions.device)
        lengths, width = batch.words.lengths[rows], gold.tags.shape[1]
        weights = [self.sentence_weights[i] for i in labelled]
        return gold_loss(
            self.tagger.network.decoder, batch.words.padded(emissions)[rows, :width], lengths, gold, weights
        )

    def weights(self, epoch: float) -> Mapping[str, float]:
        return WEIGHTS

    def history(self, losses: Mapping[str, float], epoch: float) -> dict[str, Any]:
        parts = {f"{name}_loss": value for name, value in losses.items()}
        return {"loss": sum(WEIGHTS[name] * value for name, value in losses.items()), **parts}

    def log_line(self, entry: Mapping[str, Any]) -> str:
        parts = ", ".join(f"{name} {entry[f'{name}_loss']:.3f}" for name in self.names)
        return f"loss {entry['loss']:.4f} ({parts})"

    def curves(self, losses: Mapping[str, float], epoch: float) -> dict[str, float]:
        return {f"loss/{name}": value for name, value in losses.items()}
