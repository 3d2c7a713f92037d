"""Training of the feature CRF: weights fitted by python-crfsuite; regularisation and threshold chosen on dev.

crfsuite gets numbers instead of feature and tag strings, so that no character in a word can break its files. It has no
forbidden transitions: they are ruled out in decoding only. Of its algorithms only those that maximise the likelihood
are used, since perceptron weights do not give probabilities. Gradient descent takes a fraction of the time of L-BFGS
(docs/speed.md).
"""

from __future__ import annotations

import ctypes
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pycrfsuite

from coner.core.errors import DataError, OutputError
from coner.core.progress import Log, progress_bar
from coner.core.tags import TagSet
from coner.core.types import Sentence
from coner.data.taxonomy import Taxonomy
from coner.decoding.spans import select_spans
from coner.evaluation.results import Level
from coner.evaluation.score import score
from coner.families.crf.emissions import Weights
from coner.families.crf.settings import Algorithm, CrfExperiment, CrfManifest, CrfSettings
from coner.families.crf.tagger import CrfTagger
from coner.families.family import Built
from coner.features import Extractor, Lexicon

MIN_WEIGHT = 0.01  # drops a third of the weights after gradient descent, without a loss of F1 (docs/crf.md)
C1, C2, FREQUENCIES = (0.003, 0.5), (0.1, 10.0), (0, 2, 3)  # of random trials: two log-uniform ranges, and a choice
LINE = (
    "c1 {c1:g}  c2 {c2:g}  min_frequency {min_frequency}  threshold {threshold}  "
    "dev micro {micro_f1:.4f}  macro {macro_f1:.4f}  {weights} weights  {seconds:.0f} s"
)


def train(
    settings: CrfExperiment, *, train: Sequence[Sentence], dev: Sequence[Sentence], taxonomy: Taxonomy, log: Log
) -> Built:
    """Train a CRF, and ``crf.trials`` more with random regularisation; writes temporary files only.

    The threshold and the best trial are chosen by macro F1 on ``dev``. The log gets one line per trial. ``DataError``
    if the training sentences have no label, or one that the taxonomy lacks.
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
    """Set the tagger's threshold to the one with the best macro F1 on dev, the first if tied; return the trial."""
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


class Fitter:
    """Training data in crfsuite, from which weights can be fitted several times.

    The extractor's lexicon was learned from the same sentences; ``seed`` sets their order in gradient descent.
    """

    def __init__(
        self, sentences: Sequence[Sentence], tags: TagSet, extractor: Extractor, algorithm: Algorithm, seed: int
    ) -> None:
        self.features: dict[str, int] = {}  # number of each feature string
        self._tags = len(tags)
        self._seed = seed
        self._trainer = _Trainer(algorithm)
        with progress_bar("features", len(sentences)) as shown:
            for sentence in sentences:
                entities = sentence.entities or ()
                rows = extractor(sentence.words, exclude=entities)
                ids = [[str(self.features.setdefault(f, len(self.features))) for f in row] for row in rows]
                self._trainer.append(ids, [str(tag) for tag in tags.encode(entities, len(sentence))])
                shown.advance()

    def fit(self, settings: CrfSettings, what: str) -> Weights:
        """Fit weights, with a progress bar titled ``what``; Ctrl-C stops after the current iteration.

        ``OutputError`` if there is no space for crfsuite's temporary files.
        """
        params = {"c2": settings.c2, "feature.minfreq": settings.min_frequency}
        params["max_iterations"] = settings.max_iterations
        if settings.algorithm == "lbfgs":
            params["c1"] = settings.c1
        self._trainer.set_params(params)
        # crfsuite shuffles with ``rand`` of the C library, from which no other thread should draw, as those of Ray do.
        ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None).srand(ctypes.c_uint(self._seed))
        try:
            with tempfile.TemporaryDirectory() as folder, progress_bar(what, settings.max_iterations) as shown:
                self._trainer.on_iteration = shown.advance
                self._trainer.train(f"{folder}/model")
                _dump(Path(folder, "model"), Path(folder, "dump"))
                return _read_dump(Path(folder, "dump"), list(self.features), self._tags)
        except (OSError, pycrfsuite.CRFSuiteError) as error:
            folder, advice = tempfile.gettempdir(), "Fix: free some space, or set TMPDIR to another folder"
            raise OutputError(f"{folder}: crfsuite's model cannot be written: {error}. {advice}") from None


class _Trainer(pycrfsuite.Trainer):  # type: ignore[misc]
    """Calls ``on_iteration`` in each iteration; an exception from it, also Ctrl-C, stops the training."""

    def __init__(self, algorithm: Algorithm) -> None:
        super().__init__(algorithm={"sgd": "l2sgd", "lbfgs": "lbfgs"}[algorithm], verbose=False)
        self.on_iteration: Callable[[], None] = lambda: None

    def message(self, message: str) -> None:
        if "Iteration #" in message or "Epoch #" in message:
            self.on_iteration()


def _dump(model: Path, dump: Path) -> None:
    """Write crfsuite's text listing of a model.

    crfsuite does not notice a full disk, and crashes on a truncated file. So the size in the header (``lCRF``, then
    four bytes, little-endian) is first compared with that of the file.
    """
    with model.open("rb") as file:
        header = file.read(8)
    if header[:4] != b"lCRF" or int.from_bytes(header[4:8], "little") != model.stat().st_size:
        raise OSError("the file is truncated")
    tagger = pycrfsuite.Tagger()
    tagger.open(str(model))
    tagger.dump(str(dump))
    tagger.close()


def _read_dump(path: Path, features: list[str], tags: int) -> Weights:
    """Read the lines ``(0) feature --> tag: weight`` and ``(1) tag --> tag: weight`` of a listing."""
    transitions = np.zeros((tags, tags))
    entries: list[tuple[int, int, float]] = []
    fields: list[str] = []
    with path.open(encoding="ascii") as lines:
        for line in lines:
            fields = line.replace(":", "").split() or fields
            match fields:
                case ["(0)", feature, "-->", tag, weight] if abs(float(weight)) >= MIN_WEIGHT:
                    entries.append((int(feature), int(tag), float(weight)))
                case ["(1)", before, "-->", tag, weight]:
                    transitions[int(before), int(tag)] = float(weight)
    if fields != ["}"]:
        raise OSError("the listing is truncated")
    entries.sort()
    used, counts = np.unique([feature for feature, _, _ in entries], return_counts=True)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    ids = np.array([tag for _, tag, _ in entries], dtype=np.int16)
    values = np.array([weight for _, _, weight in entries], dtype=np.float32)
    return Weights(tuple(features[int(feature)] for feature in used), starts, ids, values, transitions)
