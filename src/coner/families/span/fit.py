"""Fine-tune a span classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from coner.core.types import Sentence
from coner.evaluation.own_labels import dev_f1
from coner.families.encoder.backbone.batch import Batch
from coner.families.encoder.cpu.process import restored_process
from coner.families.encoder.training.fine_tuning import FineTuning
from coner.families.encoder.training.objective import Objective
from coner.families.family import Built, TrainingJob
from coner.families.span.settings import SpanExperiment, SpanManifest
from coner.families.span.spans import gold_labels
from coner.families.span.tagger import SpanTagger

MAX_WORDS = 64  # limit of ``max_words`` in any case
IGNORED = 1000  # one mention in 1000, the longest, does not count for ``max_words``


@restored_process()
def fit(settings: SpanExperiment, job: TrainingJob) -> Built:
    """Fine-tune, then choose the threshold on dev; alone or with the other processes that a launcher started."""
    tuning = prepare(settings, job)
    tagger, built = tuning.tagger, tuning.run()
    if not tuning.trainer.processes.is_first:
        return built
    trials = choose_threshold(tagger, job.dev, settings.span.thresholds)
    job.log(f"threshold {tagger.threshold:g}  dev macro {max(trial['macro_f1'] for trial in trials):.4f}")
    tagger.save(job.folder)
    facts = {"threshold": tagger.threshold, "max_words": tagger.manifest.max_words, "trials": trials}
    return Built(tagger, {**built.facts, **facts})


def prepare(settings: SpanExperiment, job: TrainingJob) -> FineTuning[SpanTagger]:
    """Build tagger and trainer; for errors see ``FineTuning``."""
    longest = settings.span.max_words or longest_span(job.train)
    longer = sum(e.end - e.start > longest for sentence in job.train for e in sentence.entities or ())
    if longer:
        job.log(f"{longer} mentions of the training split are longer than {longest} words, and cannot be learned")
    labels, taxonomy = job.taxonomy.labels, job.taxonomy
    manifest = SpanManifest(
        kind="span", labels=labels, taxonomy=taxonomy, settings=settings, threshold=0.5, max_words=longest
    )
    return FineTuning(SpanTagger.pretrained, SpanObjective, manifest, job)


class SpanObjective(Objective):
    """The cross-entropy of all spans, those without a label included, divided by the number of words."""

    tagger: SpanTagger

    def batch_losses(self, batch: Batch, examples: Sequence[int]) -> Mapping[str, Tensor]:
        spans, scores = self.tagger.network(batch)
        gold = [self.sentences[i].entities or () for i in examples]
        labels = gold_labels(spans, batch.words, gold, self.tagger.ids)
        weights = torch.tensor([self.sentence_weights[i] for i in examples], device=scores.device)
        return {"loss": (F.cross_entropy(scores, labels, reduction="none") * weights[spans.sentence]).sum()}


def longest_span(sentences: Sequence[Sentence]) -> int:
    """Words of the longest mention, without the longest one in 1000; at most ``MAX_WORDS``."""
    lengths = sorted(e.end - e.start for sentence in sentences for e in sentence.entities or ())
    return min(MAX_WORDS, lengths[len(lengths) - 1 - len(lengths) // IGNORED])


def choose_threshold(
    tagger: SpanTagger, dev: Sequence[Sentence], thresholds: Sequence[float]
) -> list[dict[str, float]]:
    """Set the tagger's threshold to the one with the best macro F1 on dev, the first if tied; return the F1 of each."""
    trials = []
    for tagger.threshold in thresholds:
        trials.append({"threshold": tagger.threshold, **dev_f1(dev, tagger.tag(dev))})
    tagger.threshold = max(trials, key=lambda trial: trial["macro_f1"])["threshold"]
    return trials
