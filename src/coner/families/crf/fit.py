"""Training the feature CRF: lexicon, features, weights by python-crfsuite, and choices on the validation part.

crfsuite sees numbers in place of features and tags: no word can upset it, whatever letters it is made of. It knows no
forbidden transitions, so it is trained without them; the tagger shuts them when it decodes. Of its algorithms those are
used that maximise likelihood: the perceptrons' weights are no logarithms of odds, so that no probability could be read
from them. Stochastic gradient descent takes a fraction of the time of L-BFGS (docs/speed.md).
"""

from __future__ import annotations

import ctypes
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pycrfsuite

from coner.core.errors import DataError, OutputError
from coner.core.progress import Bar, Log, progress_bar
from coner.core.tags import TagSet
from coner.core.types import Sentence
from coner.data.taxonomy import Taxonomy
from coner.decoding.select import select_spans
from coner.evaluation.score import score
from coner.families.crf.emissions import Weights
from coner.families.crf.settings import Algorithm, CrfExperiment, CrfSettings
from coner.families.crf.tagger import CrfTagger
from coner.features import Extractor, Lexicon

C1, C2, FREQUENCIES = (0.003, 0.5), (0.1, 10.0), (0, 2, 3)  # where trials draw: two log-uniform ranges, one choice
LEAST_WEIGHT = 0.01  # smaller ones are left out: a third of all after gradient descent, and no F1 falls (docs/crf.md)


@dataclass(frozen=True, slots=True)
class Trial:
    """One training and what it reached on the validation part.

    Attributes:
        c1, c2, min_frequency: what it was trained with.
        threshold: the best of ``crf.thresholds``; ``None`` where there are none.
        macro_f1, micro_f1: with that threshold, fractions of 1.
        weights: how many are not zero.
        seconds: of training.
    """

    c1: float
    c2: float
    min_frequency: int
    threshold: float | None
    macro_f1: float
    micro_f1: float
    weights: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Trained:
    """The best tagger, and every trial that led to it (without a search, one)."""

    tagger: CrfTagger
    trials: tuple[Trial, ...]


def train(
    settings: CrfExperiment, *, train: Sequence[Sentence], dev: Sequence[Sentence], taxonomy: Taxonomy, log: Log
) -> Trained:
    """Train a CRF; with ``crf.trials`` search its regularisation too. Nothing is written but temporary files.

    Args:
        settings: of the experiment.
        train: training sentences, all labelled.
        dev: validation sentences: the threshold, and the best trial, are chosen on them by macro F1.
        taxonomy: of the labels.
        log: where lines go.

    Raises:
        DataError: the training part has no labels, or one that the taxonomy lacks.
        ConfigError: a feature is not known.
    """
    found = {entity.label for sentence in train for entity in sentence.entities or ()}
    if not found or not found <= set(taxonomy.labels):
        wrong = (
            f"label {min(found - set(taxonomy.labels))!r} that taxonomy {taxonomy.name} lacks" if found else "no entity"
        )
        raise DataError(f"the training sentences hold {wrong}; expected labelled data and its own taxonomy")
    labels = [label for label in taxonomy.labels if label in found]
    crf = settings.crf
    extractor = Extractor(crf.features)  # an unknown name ends it here, before anything is learned
    lexicon = Lexicon.learn(train, sizes=crf.clusters, seed=settings.seed, cluster_file=crf.cluster_file)
    extractor = Extractor(extractor.names, lexicon)
    fitter = _Fitter(train, TagSet(labels, crf.scheme), extractor, crf.algorithm, settings.seed)
    log(f"{len(train)} sentences, {len(fitter.features)} features, {len(labels)} labels")
    best: CrfTagger | None = None
    trials: list[Trial] = []
    for number, candidate in enumerate(_candidates(crf, settings.seed), start=1):
        began = time.monotonic()
        weights = fitter.fit(candidate, f"training {number}/{crf.trials + 1}" if crf.trials else "training")
        seconds = time.monotonic() - began
        final = settings.model_copy(update={"crf": candidate.model_copy(update={"features": extractor.names})})
        tagger = CrfTagger(weights, lexicon, labels=labels, taxonomy=taxonomy, settings=final)
        trial = _choose_threshold(tagger, dev, seconds)
        log(_line(trial))
        if best is None or trial.macro_f1 > max(earlier.macro_f1 for earlier in trials):
            best = tagger
        trials.append(trial)
    assert best is not None  # there is always the configured candidate
    return Trained(best, tuple(trials))


class _Fitter:
    """The training data, in crfsuite, ready to be fitted more than once."""

    def __init__(
        self, sentences: Sequence[Sentence], tags: TagSet, extractor: Extractor, algorithm: Algorithm, seed: int
    ) -> None:
        self.tags = tags
        self._seed = seed
        self.features: dict[str, int] = {}
        self._bar: Bar | None = None
        self._trainer = _Trainer(algorithm, self._iteration)
        with progress_bar("features", len(sentences)) as shown:
            for sentence in sentences:
                entities = sentence.entities or ()
                rows = extractor(sentence.words, exclude=entities)
                ids = [[str(self.features.setdefault(f, len(self.features))) for f in row] for row in rows]
                self._trainer.append(ids, [str(tag) for tag in tags.encode(entities, len(sentence))])
                shown.advance()

    def fit(self, settings: CrfSettings, what: str) -> Weights:
        """Weights under these settings. Ctrl-C ends it at the next iteration."""
        self._trainer.set_params(
            {
                "c2": settings.c2,
                "feature.minfreq": settings.min_frequency,
                "max_iterations": settings.max_iterations,
                **({"c1": settings.c1} if settings.algorithm == "lbfgs" else {}),
            }
        )
        _seed_shuffles(self._seed)
        try:
            with tempfile.TemporaryDirectory() as folder, progress_bar(what, settings.max_iterations) as self._bar:
                self._trainer.train(f"{folder}/model")
                _dump(Path(folder, "model"), Path(folder, "dump"))
                return _read_dump(Path(folder, "dump"), list(self.features), len(self.tags))
        except (OSError, pycrfsuite.CRFSuiteError) as error:
            where = tempfile.gettempdir()
            raise OutputError(
                f"{where}: crfsuite's model cannot be kept: {error}; is there space? TMPDIR moves it"
            ) from None

    def _iteration(self) -> None:
        if self._bar is not None:
            self._bar.advance()


class _Trainer(pycrfsuite.Trainer):  # type: ignore[misc]
    """Calls back at each iteration; an exception from there, Ctrl-C's too, ends the training."""

    def __init__(self, algorithm: Algorithm, callback: Callable[[], None]) -> None:
        super().__init__(algorithm={"sgd": "l2sgd", "lbfgs": "lbfgs"}[algorithm], verbose=False)
        self._callback = callback

    def message(self, message: str) -> None:
        """Receive a line of crfsuite's log."""
        if "Iteration #" in message or "Epoch #" in message:
            self._callback()


def _seed_shuffles(seed: int) -> None:
    """crfsuite shuffles the sentences by the C library's ``rand``, which only ``srand`` of that library seeds."""
    ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None).srand(ctypes.c_uint(seed))


def _dump(model: Path, dump: Path) -> None:
    """crfsuite's own listing of a model, as text.

    A full disk goes unnoticed by crfsuite, which would then crash on the file: so its header (``lCRF``, then the size
    of the whole in four bytes, little-endian) is compared with the file.
    """
    with model.open("rb") as file:
        header = file.read(8)
    if header[:4] != b"lCRF" or int.from_bytes(header[4:8], "little") != model.stat().st_size:
        raise OSError("the file is cut short")
    tagger = pycrfsuite.Tagger()
    tagger.open(str(model))
    tagger.dump(str(dump))
    tagger.close()


def _read_dump(path: Path, features: list[str], tags: int) -> Weights:
    """Weights from the lines ``(0) feature --> tag: weight`` and ``(1) tag --> tag: weight``."""
    transitions = np.zeros((tags, tags))
    entries: list[tuple[int, int, float]] = []
    fields: list[str] = []
    with path.open(encoding="ascii") as lines:
        for line in lines:
            fields = line.replace(":", "").split() or fields
            match fields:
                case ["(0)", feature, "-->", tag, weight] if abs(float(weight)) >= LEAST_WEIGHT:
                    entries.append((int(feature), int(tag), float(weight)))
                case ["(1)", before, "-->", tag, weight]:
                    transitions[int(before), int(tag)] = float(weight)
    if fields != ["}"]:
        raise OSError("the listing is cut short")
    entries.sort()
    used = sorted({feature for feature, _, _ in entries})
    counts = np.unique([feature for feature, _, _ in entries], return_counts=True)[1]
    return Weights(
        features=tuple(features[feature] for feature in used),
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        tags=np.array([tag for _, tag, _ in entries], dtype=np.int16),
        values=np.array([weight for _, _, weight in entries], dtype=np.float32),
        transitions=transitions,
    )


def _candidates(settings: CrfSettings, seed: int) -> list[CrfSettings]:
    """The settings as they are, then as many random ones as trials are asked for."""
    rng = random.Random(seed)
    drawn: list[dict[str, Any]] = [
        {
            "c2": round(C2[0] * (C2[1] / C2[0]) ** rng.random(), 5),
            "min_frequency": rng.choice(FREQUENCIES),
            **({"c1": round(C1[0] * (C1[1] / C1[0]) ** rng.random(), 5)} if settings.algorithm == "lbfgs" else {}),
        }
        for _ in range(settings.trials)
    ]
    return [settings, *(settings.model_copy(update=values) for values in drawn)]


def _choose_threshold(tagger: CrfTagger, dev: Sequence[Sentence], seconds: float) -> Trial:
    """Give the tagger the threshold with the best macro F1 on the validation part, the first of equals."""
    gold = [sentence.entities or () for sentence in dev]
    crf = tagger.settings.crf
    likely = tagger.spans(dev, min(crf.thresholds)) if crf.thresholds else []
    trials = []
    for threshold in crf.thresholds or (None,):
        found = tagger.tag(dev) if threshold is None else [select_spans(spans, threshold) for spans in likely]
        scores = score(gold, found).fine
        trials.append(
            Trial(
                c1=crf.c1,
                c2=crf.c2,
                min_frequency=crf.min_frequency,
                threshold=threshold,
                macro_f1=scores.macro_f1,
                micro_f1=scores.micro_f1,
                weights=len(tagger.weights.values),
                seconds=seconds,
            )
        )
    best = max(trials, key=lambda trial: trial.macro_f1)
    tagger.threshold = best.threshold
    return best


def _line(trial: Trial) -> str:
    threshold = "none" if trial.threshold is None else f"{trial.threshold:g}"
    return (
        f"c1 {trial.c1:g}  c2 {trial.c2:g}  min_frequency {trial.min_frequency}  threshold {threshold}  "
        f"dev micro {trial.micro_f1:.4f}  macro {trial.macro_f1:.4f}  "
        f"{trial.weights} weights  {trial.seconds:.0f} s"
    )
