"""Training of the feature CRF, with its regularisation and threshold chosen on the dev split."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import Any

from coner.core.errors import DataError
from coner.core.progress import Log
from coner.core.tags import TagSet
from coner.core.types import Sentence
from coner.data.taxonomy import Taxonomy
from coner.decoding.spans import select_spans
from coner.evaluation.results import Level
from coner.evaluation.score import score
from coner.families.crf.crfsuite import Fitter
from coner.families.crf.settings import CrfExperiment, CrfManifest, CrfSettings
from coner.families.crf.tagger import CrfTagger
from coner.families.family import Built
from coner.features import Extractor, Lexicon

C1, C2, FREQUENCIES = (0.003, 0.5), (0.1, 10.0), (0, 2, 3)  # of random trials: two log-uniform ranges, and a choice
LINE = (
    "c1 {c1:g}  c2 {c2:g}  min_frequency {min_frequency}  threshold {threshold}  "
    "dev micro {micro_f1:.4f}  macro {macro_f1:.4f}  {weights} weights  {seconds:.0f} s"
)


def train(
    settings: CrfExperiment, *, train: Sequence[Sentence], dev: Sequence[Sentence], taxonomy: Taxonomy, log: Log
) -> Built:
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
    labels = tuple(label for label in taxonomy.labels if label in found)
    crf = settings.crf
    features = Extractor(crf.features).names  # an unknown name fails before anything is learned
    lexicon = Lexicon.learn(train, sizes=crf.clusters, seed=settings.seed, cluster_file=crf.cluster_file)
    fitter = Fitter(train, TagSet(labels, crf.scheme), Extractor(features, lexicon), crf.algorithm, settings.seed)
    log(f"{len(train)} sentences, {len(fitter.features)} features, {len(labels)} labels")
    best: CrfTagger | None = None
    trials: list[dict[str, Any]] = []
    for number, candidate in enumerate(_candidates(crf, settings.seed), start=1):
        began = time.monotonic()
        weights = fitter.fit(candidate, f"training {number}/{crf.trials + 1}" if crf.trials else "training")
        seconds = time.monotonic() - began
        final = settings.model_copy(update={"crf": candidate.model_copy(update={"features": features})})
        manifest = CrfManifest(kind="crf", labels=labels, taxonomy=taxonomy, settings=final, threshold=None)
        tagger = CrfTagger(weights, lexicon, manifest)
        trial = _choose_threshold(tagger, dev, seconds)
        shown = {**trial, "threshold": "none" if tagger.threshold is None else f"{tagger.threshold:g}"}
        log(LINE.format(**shown))
        if best is None or trial["macro_f1"] > max(earlier["macro_f1"] for earlier in trials):
            best = tagger
        trials.append(trial)
    assert best is not None  # there is always the configured candidate
    return Built(best, {"trials": trials})


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


def _choose_threshold(tagger: CrfTagger, dev: Sequence[Sentence], seconds: float) -> dict[str, Any]:
    """Set the tagger's threshold to the one with the best macro F1 on dev, the first of equals; facts of the trial."""
    gold = [sentence.entities or () for sentence in dev]
    crf = tagger.settings.crf
    likely = tagger.likely_spans(dev, min(crf.thresholds)) if crf.thresholds else []
    tried: dict[float | None, Level] = {
        threshold: score(gold, [select_spans(spans, threshold) for spans in likely]).fine
        for threshold in crf.thresholds
    }
    tried = tried or {None: score(gold, tagger.tag(dev)).fine}
    tagger.threshold = max(tried, key=lambda threshold: tried[threshold].macro_f1)
    best = tried[tagger.threshold]
    facts = crf.model_dump(include={"c1", "c2", "min_frequency"})
    facts |= {"threshold": tagger.threshold, "macro_f1": best.macro_f1, "micro_f1": best.micro_f1}
    return facts | {"weights": len(tagger.weights.values), "seconds": seconds}
