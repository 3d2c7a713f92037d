"""Calibrate the confidences of a model and choose its thresholds on a dev file: what ``coner threshold`` does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from coner.core.counted import counted, listed
from coner.core.errors import DataError, ModelError, Unfinished
from coner.core.files import as_text, sha256
from coner.data import Corpus, read
from coner.data.files import digest
from coner.data.reading.reader import Reading
from coner.data.stratify import duplicate_key
from coner.evaluation.calibration import Calibration, reliability
from coner.evaluation.operating import HeldOut, assign_folds, choose_thresholds, hold_out
from coner.evaluation.recalibration import (
    METHODS,
    Fitted,
    Method,
    calibrated,
    choose_method,
    compare_methods,
    fit,
)
from coner.evaluation.thresholds import MIN_COUNT, Candidates, Goal, Thresholds, Unreachable
from coner.families import load
from coner.families.manifest import MANIFEST, read_manifest
from coner.families.operating_point import OperatingPoint, PointChoice
from coner.families.registry import family
from coner.families.stored_point import check_own, replace_operating_point
from coner.families.tagger import Tagger
from coner.families.usage import Spending
from coner.records.record import RECORD, read_record
from coner.runs.measurement import QUANTITIES, measure
from coner.tagging.stream import tag_all

STEPS = 20  # thresholds of the trade-off, from 0


@dataclass(frozen=True)
class ThresholdOptions:
    """What to choose, and how."""

    goal: Goal | None = None  # ``None``: calibrate only
    per_class: bool = False
    calibrate: Method | Literal["auto"] = "auto"
    folds: int = 5  # at least 2
    seed: int = 0
    minimum: int = MIN_COUNT  # see ``evaluation.thresholds``
    reading: Reading = field(default_factory=Reading)
    kb: str | Path | None = None  # knowledge base of the model, if it uses one


@dataclass(frozen=True)
class ThresholdChoice:
    """What was chosen on a dev file."""

    study: Study
    point: OperatingPoint | None  # ``None``: nothing was asked for, or it cannot be reached
    unreachable: Unreachable | None = None  # names the best values that can be reached


def choose_threshold(
    model: Path,
    dev: Path,
    options: ThresholdOptions,
    *,
    test: Path | None = None,
    store: bool = True,
    spending: Spending | None = None,
) -> ThresholdChoice:
    """Calibrate the confidences of a model and choose its thresholds on a labelled file; both are stored with it.

    Args:
        model: folder of the model.
        dev: labelled file that the model was not trained on.
        options: what to choose, and how.
        test: labelled file to measure the choice on, once.
        store: without it nothing is written, and what cannot be reached is returned instead of raised.
        spending: limits for a language model.

    Raises:
        OutputError: the model is a download or in an installed package, or was changed meanwhile.
        Unreachable: no threshold reaches the goal.
        ConfigError, DataError, ModelError, Unfinished: see ``Study``.
    """
    if store:
        check_own(model)
    study = Study(model, dev, options, spending)
    if not store and options.goal is None:
        return ThresholdChoice(study, None)
    try:
        point = study.choose()
    except Unreachable as error:
        if store:
            raise
        return ThresholdChoice(study, None, error)
    if test is not None:
        point = study.with_test(point, test)
    if store:
        replace_operating_point(model, point, study.stamp)
    return ThresholdChoice(study, point)


class Study:
    """The predictions of a model for a dev file, with calibrated confidences.

    Raises:
        ConfigError: spending is limited for a model that calls no endpoint.
        DataError: the file is faulty, or it or the predictions hold too little.
        ModelError: the model gives no confidence.
        Unfinished: an endpoint gave no answer.
    """

    def __init__(self, model: Path, dev: Path, options: ThresholdOptions, spending: Spending | None = None) -> None:
        kind = read_manifest(model).kind
        if not family(kind).gives_confidence:
            raise ModelError(f"{model}: got a model of kind {kind}, which gives no confidence; expected another kind")
        self.model, self.options, self.path = model, options, dev
        self.corpus = _labelled(dev, options.reading)
        self.stamp = sha256(model / MANIFEST)  # for ``replace_operating_point``
        self.tagger = load(model, kb=options.kb)
        self.tagger.operating_point = None
        self.tagger.limit(spending or Spending())
        self.raw = _tag(self.tagger, self.corpus)
        if not len(self.raw.scores):
            raise DataError("the model predicts nothing here; expected a file with mentions that it finds", dev)
        self.folds = assign_folds([duplicate_key(sentence) for sentence in self.corpus], options.folds, options.seed)
        folds = self.folds[self.raw.predicted[0]]
        self.held_out_scores = compare_methods(self.raw.scores, self.raw.correct, folds, METHODS)
        self.calibrator = self._calibrate(self.raw, folds)
        self.candidates = replace(self.raw, scores=calibrated(self.calibrator, self.raw.scores))

    @property
    def method(self) -> Method:
        """How confidences are calibrated."""
        return "none" if self.calibrator is None else self.calibrator.method

    @cached_property
    def calibrations(self) -> dict[str, Calibration]:
        """Of each method, on predictions that it was not fitted on."""
        return {name: reliability(scores, self.raw.correct) for name, scores in self.held_out_scores.items()}

    def trade_off(self) -> list[dict[str, float]]:
        """Precision, recall and F1 at evenly spaced thresholds that keep something."""
        rows = []
        for step in range(STEPS):
            kept = self.candidates.scores >= step / STEPS
            if kept.any():
                totals = self.candidates.counts(kept).dense().sum(axis=0)
                values = {name: float(metric(totals)) for name, metric in QUANTITIES.items()}
                rows.append({"threshold": step / STEPS, "kept": int(kept.sum()), **values})
        return rows

    def choose(self) -> OperatingPoint:
        """Choose the thresholds; ``Unreachable`` names the best values that can be reached."""
        try:
            thresholds = self._thresholds(self.candidates)
        except Unreachable as error:
            raise Unreachable(f"{self.path}: {error}; nothing was stored. Fix: ask for less, see --show") from None
        held_out = hold_out(self.raw, self.folds, self._calibrate, self._thresholds)
        return self._point(thresholds, held_out)

    def with_test(self, point: OperatingPoint, path: Path) -> OperatingPoint:
        """The operating point with what it gives on a test file; errors as of the class."""
        raw = _tag(self.tagger, _labelled(path, self.options.reading))
        after = replace(raw, scores=calibrated(self.calibrator, raw.scores))
        kept = Thresholds(point.threshold, dict(point.thresholds)).keeps(after)
        everything = np.ones_like(kept)
        measured = {"test_before": measure(raw, raw.scores, everything), "test": measure(raw, after.scores, kept)}
        return point.model_copy(
            update={"chosen": point.chosen.model_copy(update={"test_file": as_text(path.name), **measured})}
        )

    def warnings(self) -> list[str]:
        """How the file was read, and what makes the choice unreliable."""
        lines = [f"{self.path}: {note}" for note in self.corpus.notes]
        if self.corpus.faults:
            lines.append(f"Warning: {self.path}: {self.corpus.faults.removeprefix(', ')}")
        known = {*self.tagger.labels}
        unknown = Counter(e.label for sentence in self.corpus for e in sentence.entities or () if e.label not in known)
        if unknown:
            mentions = counted(unknown.total(), "mention")
            lines.append(f"Warning: {mentions} of classes that the model cannot predict: {listed(sorted(unknown))}")
        if self.options.calibrate == "auto" and len(self.raw.scores) < self.options.minimum:
            few = f"{counted(len(self.raw.scores), 'prediction')}; expected {self.options.minimum} or more to calibrate"
            lines.append(f"Warning: {self.path}: not calibrated: got {few}")
        if (self.model / RECORD).is_file():
            train = read_record(self.model).data.get("train")
            if train is not None and train.sha256 == digest(self.path):
                lines.append(f"Warning: {self.path}: the model was trained on this file; expected another one")
        return lines

    def _thresholds(self, candidates: Candidates) -> Thresholds:
        options = self.options
        return choose_thresholds(candidates, options.goal, per_class=options.per_class, minimum=options.minimum)

    def _calibrate(self, candidates: Candidates, folds: Any) -> Fitted:
        method = self.options.calibrate
        if method == "auto" and len(candidates.scores) < self.options.minimum:
            method = "none"
        elif method == "auto":
            whole = candidates is self.raw
            compared = self.held_out_scores if whole else compare_methods(candidates.scores, candidates.correct, folds)
            method = choose_method(compared, candidates.correct)
        return fit(method, candidates.scores, candidates.correct)

    def _point(self, thresholds: Thresholds, held_out: HeldOut) -> OperatingPoint:
        options, raw = self.options, self.raw
        everything = np.ones_like(raw.correct)
        chosen = PointChoice(
            goal=None if options.goal is None else str(options.goal),
            file=as_text(self.path.name),
            sha256=digest(self.path),
            folds=held_out.folds,
            seed=options.seed,
            minimum=options.minimum,
            rare=thresholds.rare,
            unreachable=held_out.unreachable,
            before=measure(raw, raw.scores, everything),
            dev=measure(raw, self.candidates.scores, thresholds.keeps(self.candidates)),
            held_out=measure(raw, held_out.scores, held_out.kept),
        )
        return OperatingPoint(
            calibration=self.calibrator, threshold=thresholds.all, thresholds=thresholds.by_label, chosen=chosen
        )


def _labelled(path: Path, reading: Reading) -> Corpus:
    corpus = read(path, **reading, gold=True)
    if not any(sentence.entities for sentence in corpus):
        raise DataError("got no labelled mention; expected a labelled file", path)
    return corpus


def _tag(tagger: Tagger, corpus: Corpus) -> Candidates:
    predictions, tally = tag_all(tagger, corpus, f"tagging {corpus.path.name}")
    if tally.lacking:
        raise Unfinished(f"{corpus.path}: {tally.lacking} {tagger.unit}s have no answer; nothing was stored")
    gold = [sentence.entities or () for sentence in corpus]
    return Candidates.of(gold, [prediction.entities or () for prediction in predictions])
