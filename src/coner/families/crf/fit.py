"""Training of the feature CRF: algorithm, features, regularisation and threshold are chosen on dev."""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from coner.core.counted import counted
from coner.core.errors import DataError
from coner.core.progress import Log
from coner.core.tags import TagSet
from coner.core.types import Sentence, possible_labels
from coner.data.taxonomy import Taxonomy
from coner.decoding.spans import select_spans
from coner.evaluation.own_labels import dev_f1
from coner.families.best_tagging import best_allowed
from coner.families.crf.candidates import candidates, random_trials
from coner.families.crf.cost import statement
from coner.families.crf.crfsuite import Fitter
from coner.families.crf.known import look_up
from coner.families.crf.settings import CrfExperiment, CrfManifest, CrfSettings
from coner.families.crf.tagger import CrfTagger
from coner.families.crf.union import train_union
from coner.families.family import Built
from coner.features import Extractor, Lexicon
from coner.features.gazetteer import Gazetteer

if TYPE_CHECKING:
    from coner.families.knowledge import TrainingKnowledge

# Candidates are compared on a fifth of train, so that all of them take about as long as the training that follows.
SHARE, MIN_SAMPLE, MAX_SAMPLE = 5, 1000, 5000  # the latter are numbers of sentences
LINE = (
    "{algorithm}, {kinds} kinds of features  c1 {c1:g}  c2 {c2:g}  min_frequency {min_frequency}  "
    "threshold {threshold}  dev micro {micro_f1:.4f}  macro {macro_f1:.4f}  {weights} weights  {seconds:.0f} s"
)


def train(
    settings: CrfExperiment,
    *,
    train: Sequence[Sentence],
    dev: Sequence[Sentence],
    taxonomy: Taxonomy,
    log: Log,
    knowledge: TrainingKnowledge | None = None,
) -> Built:
    """``train_complete``; twice, if some sentences have sets of possible labels, which python-crfsuite cannot take.

    A CRF that is trained on the other sentences first chooses the best tagging that the sets allow; see
    ``train_union`` for data sets with different labels.
    """
    task = TrialTask(settings, (), taxonomy, log, knowledge)
    if any(sentence.annotated is not None for sentence in train):
        return train_union(partial(train_complete, task), train, dev, log)
    complete = [sentence for sentence in train if sentence.regions is None]
    if len(complete) == len(train):
        return train_complete(task, train, dev)
    with_sets = counted(len(train) - len(complete), "sentence")
    log(f"step 1 of 2: training on the sentences with complete labels, to label {with_sets} with sets of labels")
    labels = possible_labels(train)
    first = train_complete(task, complete, dev, labels=labels)
    labelled = list(best_allowed(first.tagger, train))
    log("step 2 of 2: training on all sentences, with the most probable of their possible labels")
    second = train_complete(task, labelled, dev)
    return Built(second.tagger, {**second.facts, "first_step": dict(first.facts)})


def train_complete(
    task: TrialTask, train: Sequence[Sentence], dev: Sequence[Sentence], *, labels: Collection[str] = ()
) -> Built:
    """Train a CRF with the best of the candidates, then ``crf.trials`` more; writes temporary files only.

    All choices maximise F1 on ``dev``. Where there are over ``MIN_SAMPLE`` sentences, candidates are compared on a
    sample, and the best one is trained on all. The log gets one line per trial. The tagger knows the labels of the
    training sentences, and ``labels`` too. ``DataError`` if the training sentences have no label, or one that the
    taxonomy lacks.
    """
    settings, taxonomy, log = task.settings, task.taxonomy, task.log
    found = {entity.label for sentence in train for entity in sentence.entities or ()}
    if not found:
        raise DataError("got training sentences without an entity; expected labelled sentences")
    if unknown := found - set(taxonomy.labels):
        raise DataError(f"got training label {min(unknown)!r}; expected labels of taxonomy {taxonomy.name}")
    crf, seed = settings.crf, settings.seed
    task.extractor(crf.features)  # an unknown name fails before anything is learned
    known = found.union(labels)
    task = replace(task, labels=tuple(label for label in taxonomy.labels if label in known))
    lexicon = Lexicon.learn(train, sizes=crf.clusters, seed=seed, cluster_file=crf.cluster_file)
    tried, compared = candidates(crf, train), list[dict[str, Any]]()
    if cost := statement(tried, task.labels, train):
        log(cost)
    if len(tried) > 1 and len(train) > MIN_SAMPLE:
        some, some_dev = (_sample(sentences, sample_size(len(train)), seed) for sentences in (train, dev))
        log(f"comparing {len(tried)} candidates on {len(some)} sentences")
        trials = Trials(task, replace(lexicon, gazetteer=Gazetteer.learn(some)), some, some_dev)
        tried, compared = [trials.run(tried).settings.crf], trials.facts
        log("training the best one on all sentences")
    trials = Trials(task, lexicon, train, dev)
    best = trials.run(tried)
    best = trials.run(list(random_trials(best.settings.crf, seed)))
    facts, chosen = [*compared, *trials.facts], best.settings.crf
    if len(facts) > 1:
        names = ", ".join(chosen.features)
        log(f"best by {crf.choose_by} F1: {chosen.algorithm}, c1 {chosen.c1:g}, c2 {chosen.c2:g}, features {names}")
    return Built(best, {"trials": facts})


@dataclass(frozen=True)
class TrialTask:
    """What all trials share."""

    settings: CrfExperiment
    labels: tuple[str, ...]
    taxonomy: Taxonomy
    log: Log
    knowledge: TrainingKnowledge | None = None

    def extractor(self, features: Sequence[str], lexicon: Lexicon | None = None) -> Extractor:
        """The features of training sentences, computed without their own mentions."""
        if (known := self.knowledge) is None:
            return Extractor(features, lexicon)
        return Extractor(features, lexicon, known=partial(look_up, known, known.typed.types))


class Trials:
    """Taggers of several settings, trained on the same sentences, from which the lexicon was learned."""

    def __init__(self, task: TrialTask, lexicon: Lexicon, train: Sequence[Sentence], dev: Sequence[Sentence]) -> None:
        self.facts: list[dict[str, Any]] = []
        self._task, self._lexicon, self._train, self._dev = task, lexicon, train, dev
        self._best: tuple[float, CrfTagger] | None = None  # F1 on dev
        self._fitter: Fitter | None = None  # of the last trial
        self._of: tuple[object, ...] = ()  # settings that it depends on

    def run(self, tried: Sequence[CrfSettings]) -> CrfTagger:
        """Train with each of these settings; return the best tagger so far, the first if tied."""
        for number, settings in enumerate(tried, start=1):
            tagger, facts = self._run(settings, f"training {number}/{len(tried)}" if len(tried) > 1 else "training")
            f1 = facts[f"{settings.choose_by}_f1"]
            if self._best is None or f1 > self._best[0]:
                self._best = f1, tagger
            self.facts.append(facts)
        assert self._best is not None  # callers start with at least one
        return self._best[1]

    def _run(self, settings: CrfSettings, what: str) -> tuple[CrfTagger, dict[str, Any]]:
        task, fitter = self._task, self._prepare(settings)
        began = time.monotonic()
        weights = fitter.fit(settings, what)
        seconds = time.monotonic() - began
        extractor = fitter.extractor
        final = task.settings.model_copy(update={"crf": settings.model_copy(update={"features": extractor.names})})
        manifest = CrfManifest(kind="crf", labels=task.labels, taxonomy=task.taxonomy, settings=final, threshold=None)
        if (known := task.knowledge) is not None:
            manifest = manifest.model_copy(update={"knowledge": known.use})
        tagger = CrfTagger(weights, extractor.lexicon, manifest)
        tagger.knowledge = None if known is None else known.typed
        facts = _choose_threshold(tagger, self._dev)
        facts |= {"sentences": len(self._train), "weights": len(weights.values), "seconds": seconds}
        shown = {**facts, "threshold": "none" if tagger.threshold is None else f"{tagger.threshold:g}"}
        task.log(LINE.format(**shown, kinds=len(extractor.names)))
        return tagger, facts

    def _prepare(self, settings: CrfSettings) -> Fitter:
        """The training data in crfsuite; successive trials with the same features share it."""
        key = self._task.extractor(settings.features).names, settings.function_words  # no features: the default ones
        if self._fitter is None or self._of != key:
            self._fitter = None  # frees its memory first
            learned = settings.function_words == "learned"
            lexicon = self._lexicon.with_function_words(self._train) if learned else self._lexicon
            tags = TagSet(self._task.labels, settings.scheme)
            extractor = self._task.extractor(settings.features, lexicon)
            self._fitter, self._of = Fitter(self._train, tags, extractor, self._task.settings.seed), key
            sizes = len(self._train), len(self._fitter.features), len(self._task.labels)
            self._task.log("{} sentences, {} features, {} labels".format(*sizes))
        return self._fitter


def _choose_threshold(tagger: CrfTagger, dev: Sequence[Sentence]) -> dict[str, Any]:
    """Set the tagger's threshold to the one with the best F1 on dev, the first if tied; return the trial's facts."""
    crf = tagger.settings.crf
    likely = tagger.likely_spans(dev, min(crf.thresholds)) if crf.thresholds else []
    tried: dict[float | None, dict[str, float]] = {
        threshold: dev_f1(dev, [select_spans(spans, threshold) for spans in likely]) for threshold in crf.thresholds
    }
    tried = tried or {None: dev_f1(dev, tagger.tag(dev))}
    tagger.threshold = max(tried, key=lambda threshold: tried[threshold][f"{crf.choose_by}_f1"])
    best = tried[tagger.threshold]
    values = crf.model_dump(mode="json")
    facts = {name: values[name] for name in ("algorithm", "features", "c1", "c2", "min_frequency")}
    return facts | {"threshold": tagger.threshold, "macro_f1": best["macro_f1"], "micro_f1": best["micro_f1"]}


def sample_size(sentences: int) -> int:
    """Number of training sentences on which candidates are compared."""
    return min(MAX_SAMPLE, max(MIN_SAMPLE, sentences // SHARE))


def _sample(sentences: Sequence[Sentence], size: int, seed: int) -> Sequence[Sentence]:
    """Random sentences, in order; all if there are no more."""
    if len(sentences) <= size:
        return sentences
    return [sentences[index] for index in sorted(random.Random(seed).sample(range(len(sentences)), size))]
