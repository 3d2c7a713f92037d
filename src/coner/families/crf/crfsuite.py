"""Weights fitted by python-crfsuite.

crfsuite gets numbers instead of feature and tag strings, so that no character in a word can break its files. It has no
forbidden transitions: they are ruled out in decoding only. Of its algorithms only those that maximise the likelihood
are used, since perceptron weights do not give probabilities. Gradient descent takes a fraction of the time of L-BFGS
(docs/speed.md).
"""

from __future__ import annotations

import ctypes
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pycrfsuite

from coner.core.errors import OutputError
from coner.core.progress import progress_bar
from coner.core.tags import TagSet
from coner.core.types import Sentence
from coner.families.crf.emissions import Weights
from coner.families.crf.settings import CrfSettings
from coner.features import Extractor

MIN_WEIGHT = 0.01  # drops a third of the weights after gradient descent, without a loss of F1 (docs/crf.md)
ALGORITHMS = {"sgd": "l2sgd", "lbfgs": "lbfgs"}  # names in crfsuite


class Fitter:
    """Training data in crfsuite, from which weights can be fitted several times.

    The extractor's lexicon was learned from the same sentences; ``seed`` sets their order in gradient descent.
    """

    def __init__(self, sentences: Sequence[Sentence], tags: TagSet, extractor: Extractor, seed: int) -> None:
        self.extractor = extractor
        self.features: dict[str, int] = {}  # number of each feature string
        self._tags = len(tags)
        self._seed = seed
        self._trainer = _Trainer()
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
        self._trainer.select(ALGORITHMS[settings.algorithm])
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

    def __init__(self) -> None:
        super().__init__(verbose=False)
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


def _read_dump(path: Path, features: list[str], tags: int, minimum: float = MIN_WEIGHT) -> Weights:
    """Read the lines ``(0) feature --> tag: weight`` and ``(1) tag --> tag: weight`` of a listing.

    Weights below ``minimum`` are dropped; where all are small, as after a training on one sentence, below that fraction
    of the largest.
    """
    transitions = np.zeros((tags, tags))
    entries: list[tuple[int, int, float]] = []
    fields: list[str] = []
    largest = 0.0
    with path.open(encoding="ascii") as lines:
        for line in lines:
            fields = line.replace(":", "").split() or fields
            match fields:
                case ["(0)", feature, "-->", tag, weight] if abs(value := float(weight)) >= minimum:
                    entries.append((int(feature), int(tag), value))
                case ["(0)", _, "-->", _, weight]:
                    largest = max(largest, abs(float(weight)))
                case ["(1)", before, "-->", tag, weight]:
                    transitions[int(before), int(tag)] = float(weight)
    if fields != ["}"]:
        raise OSError("the listing is truncated")
    if largest and not entries:
        return _read_dump(path, features, tags, minimum=minimum * largest)
    entries.sort()
    used, counts = np.unique([feature for feature, _, _ in entries], return_counts=True)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    ids = np.array([tag for _, tag, _ in entries], dtype=np.int16)
    values = np.array([weight for _, _, weight in entries], dtype=np.float32)
    return Weights(tuple(features[int(feature)] for feature in used), starts, ids, values, transitions)
