"""Fine-tune a span classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from coner.core.types import Sentence
from coner.evaluation.score import score_sentences
from coner.families.encoder.backbone.warm_start import load_matching, trained_encoder
from coner.families.encoder.cpu.process import restored_process
from coner.families.encoder.fit import start
from coner.families.encoder.training.fine_tuning import FineTuning, fine_tuning
from coner.families.family import Built, TrainingJob
from coner.families.span.build import build
from coner.families.span.objective import SpanObjective
from coner.families.span.settings import SpanExperiment
from coner.families.span.tagger import SpanTagger

LONGEST, LONGER = 64, 1000  # longest span at all; one mention in so many may be longer than the longest span


@dataclass(frozen=True)
class Trial:
    """What one threshold reached on dev, in fractions of 1."""

    threshold: float
    macro_f1: float
    micro_f1: float


def fit(settings: SpanExperiment, job: TrainingJob) -> Built:
    """Fine-tune, then choose the threshold on dev; alone or with the other processes that a launcher started."""
    with restored_process():
        tuning, tagger = prepare(settings, job)
        job.claim()
        built = tuning.run()
        if not tuning.trainer.processes.is_first:
            return built
        trials = choose_threshold(tagger, job.dev, settings.span.thresholds)
        job.log(f"threshold {tagger.threshold:g}  dev macro {max(trial.macro_f1 for trial in trials):.4f}")
        tagger.save(job.folder)
    facts = {"threshold": tagger.threshold, "max_words": tagger.manifest.max_words}
    return Built(tagger, {**built.facts, **facts, "trials": [asdict(trial) for trial in trials]})


def prepare(settings: SpanExperiment, job: TrainingJob) -> tuple[FineTuning, SpanTagger]:
    """Build tagger and trainer from settings and data.

    Raises:
        ConfigError: a setting does not fit the encoder, the model to start from, or this machine.
    """
    processes, backbone = start(settings.encoder, settings.train, seed=settings.seed, job=job)
    max_words = settings.span.max_words or longest_span(job.train)
    longer = sum(e.end - e.start > max_words for sentence in job.train for e in sentence.entities or ())
    if longer:
        job.log(f"{longer} mentions of the training split are longer than {max_words} words, and cannot be learned")
    tagger = build(settings, backbone, taxonomy=job.taxonomy, max_words=max_words)
    warm_start, init = None, settings.train.init
    if init is not None:
        folder, _ = trained_encoder(init, run=job.folder)
        warm_start = load_matching(tagger.network, folder, excluded=("emissions.",))
    objective = SpanObjective(tagger, job.train, job.weights)
    tuning = fine_tuning(
        tagger, objective, settings.train, seed=settings.seed, job=job, processes=processes, warm_start=warm_start
    )
    return tuning, tagger


def longest_span(sentences: Sequence[Sentence]) -> int:
    """Words of the longest mention, without the one in ``LONGER`` that is longest."""
    lengths = sorted(e.end - e.start for sentence in sentences for e in sentence.entities or ())
    return min(LONGEST, lengths[len(lengths) - 1 - len(lengths) // LONGER])


def choose_threshold(tagger: SpanTagger, dev: Sequence[Sentence], thresholds: Sequence[float]) -> list[Trial]:
    """Give the tagger the threshold with the best macro F1 on dev; the first one of equals."""
    trials = []
    for tagger.threshold in thresholds:
        scores = score_sentences(dev, tagger.tag(dev)).fine
        trials.append(Trial(tagger.threshold, scores.macro_f1, scores.micro_f1))
    tagger.threshold = max(trials, key=lambda trial: trial.macro_f1).threshold
    return trials
