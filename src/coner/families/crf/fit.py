"""Training of the feature CRF, with its regularisation and threshold chosen on the dev split."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from coner.core.errors import DataError
from coner.core.progress import Log
from coner.core.tags import TagSet
from coner.core.types import Sentence
from coner.data.taxonomy import Taxonomy
from coner.decoding.spans import select_spans
from coner.evaluation.results import Level
from coner.evaluation.score import score
from coner.families.crf.crfsuite import Fitter
from coner.families.crf.settings import CrfExperiment, CrfSettings
from coner.families.crf.tagger import CrfTagger
from coner.features import Extractor, Lexicon

C1, C2, FREQUENCIES = (0.003, 0.5), (0.1, 10.0), (0, 2, 3)  # of random trials: two log-uniform ranges, and a choice


@dataclass(frozen=True, slots=True)
class Trial:
    """One fit, and its scores on the dev split, as fractions of 1."""

    c1: float
    c2: float
    min_frequency: int
    threshold: float | None  # the best of ``crf.thresholds``; ``None`` if there are none
    macro_f1: float
    micro_f1: float
    weights: int  # that are not zero
    seconds: float  # duration of the fit

    def __str__(self) -> str:
        threshold = "none" if self.threshold is None else f"{self.threshold:g}"
        return (
            f"c1 {self.c1:g}  c2 {self.c2:g}  min_frequency {self.min_frequency}  threshold {threshold}  "
            f"dev micro {self.micro_f1:.4f}  macro {self.macro_f1:.4f}  {self.weights} weights  {self.seconds:.0f} s"
        )


@dataclass(frozen=True, slots=True)
class Trained:
    """The best tagger, and all trials, the configured settings first."""

    tagger: CrfTagger
    trials: tuple[Trial, ...]


def train(
    settings: CrfExperiment, *, train: Sequence[Sentence], dev: Sequence[Sentence], taxonomy: Taxonomy, log: Log
) -> Trained:
    """Train a CRF, with ``crf.trials`` random changes of its regularisation; writes temporary files only.

    The threshold and the best trial are chosen by macro F1 on ``dev``. The log gets one line per trial.

    Raises:
        DataError: the training sentences have no label, or one that the taxonomy lacks.
        ConfigError: an unknown feature.
    """
    found = {entity.label for sentence in train for entity in sentence.entities or ()}
    if not found:
        raise DataError("got training sentences without an entity; expected labelled sentences")
    if unknown := found - set(taxonomy.labels):
        raise DataError(f"got training label {min(unknown)!r}; expected labels of taxonomy {taxonomy.name}")
    labels = [label for label in taxonomy.labels if label in found]
    crf = settings.crf
    features = Extractor(crf.features).names  # an unknown name fails before anything is learned
    lexicon = Lexicon.learn(train, sizes=crf.clusters, seed=settings.seed, cluster_file=crf.cluster_file)
    fitter = Fitter(train, TagSet(labels, crf.scheme), Extractor(features, lexicon), crf.algorithm, settings.seed)
    log(f"{len(train)} sentences, {len(fitter.features)} features, {len(labels)} labels")
    best: CrfTagger | None = None
    trials: list[Trial] = []
    for number, candidate in enumerate(_candidates(crf, settings.seed), start=1):
        began = time.monotonic()
        weights = fitter.fit(candidate, f"training {number}/{crf.trials + 1}" if crf.trials else "training")
        seconds = time.monotonic() - began
        final = settings.model_copy(update={"crf": candidate.model_copy(update={"features": features})})
        tagger = CrfTagger(weights, lexicon, labels=labels, taxonomy=taxonomy, settings=final)
        trial = _choose_threshold(tagger, dev, seconds)
        log(str(trial))
        if best is None or trial.macro_f1 > max(earlier.macro_f1 for earlier in trials):
            best = tagger
        trials.append(trial)
    assert best is not None  # there is always the configured candidate
    return Trained(best, tuple(trials))


def _candidates(settings: CrfSettings, seed: int) -> list[CrfSettings]:
    rng = random.Random(seed)
    candidates = [settings]
    for _ in range(settings.trials):
        values = {"c2": _log_uniform(rng, *C2), "min_frequency": rng.choice(FREQUENCIES)}
        if settings.algorithm == "lbfgs":
            values["c1"] = _log_uniform(rng, *C1)
        candidates.append(settings.model_copy(update=values))
    return candidates


def _log_uniform(rng: random.Random, low: float, high: float) -> float:
    ratio: float = (high / low) ** rng.random()
    return round(low * ratio, 5)


def _choose_threshold(tagger: CrfTagger, dev: Sequence[Sentence], seconds: float) -> Trial:
    """Set the tagger's threshold to the one with the best macro F1 on dev, the first of equals."""
    gold = [sentence.entities or () for sentence in dev]
    crf = tagger.settings.crf
    likely = tagger.likely_spans(dev, min(crf.thresholds)) if crf.thresholds else []

    def scores_at(threshold: float | None) -> Level:
        predicted = tagger.tag(dev) if threshold is None else [select_spans(spans, threshold) for spans in likely]
        return score(gold, predicted).fine

    tried = [(threshold, scores_at(threshold)) for threshold in crf.thresholds or (None,)]
    tagger.threshold, best = max(tried, key=lambda pair: pair[1].macro_f1)
    count = len(tagger.weights.values)
    return Trial(crf.c1, crf.c2, crf.min_frequency, tagger.threshold, best.macro_f1, best.micro_f1, count, seconds)
