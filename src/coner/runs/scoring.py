"""Score predictions, or a model, against a gold file: what ``coner evaluate`` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError, DataError
from coner.core.types import Entity, Sentence
from coner.data import Corpus, read
from coner.data.files import claimed_by, detect
from coner.data.formats import formats
from coner.data.label_case import in_case_of
from coner.data.noise import Noise, load_keyboard
from coner.data.reading.columns import columns_for, parse_columns
from coner.data.reading.reader import Reading
from coner.data.taxonomy import AUTO, Taxonomy, choose_taxonomy, load_taxonomy
from coner.evaluation.errors import classify_errors
from coner.evaluation.results import Scores
from coner.evaluation.robustness import changes, check_copy
from coner.families import load
from coner.families.tagger import Prediction, Tagger
from coner.families.usage import Spending
from coner.knowledge.knowledge import Knowledge
from coner.records.recording import scores_with_intervals
from coner.runs.by_coverage import all_scores, kb_of_model, knowledge_of, warn_of_known
from coner.runs.mapped import check_labels, in_source_labels
from coner.runs.same_words import check_same_words
from coner.tagging.stream import Tally, tag_all

COLUMNS = ("conll", "conllu", "csv")  # formats in which --columns chooses the tags


@dataclass(frozen=True)
class ScoringOptions:
    """How files are read and compared."""

    taxonomy: str = AUTO  # name or file; ``auto``: the model's own, else a packaged one that has every label, else flat
    train: Path | None = None  # training file, for the recall on mentions that it contains, and on others
    reading: Reading = field(default_factory=Reading)  # of the files; predictions are always repaired
    noise: float | None = None  # also evaluate on a copy with typos in this fraction of the sentences
    noisy: Path | None = None  # also evaluate on the noisy copy in this file
    limit: int | None = None  # number of sentences; ``None``: all
    map: str | None = None  # label map of the gold file, whose labels are others than those of the predictions
    spending: Spending = field(default_factory=Spending)  # limits for a language model
    kb: str | Path | None = None  # knowledge base of the model, or of the separate scores


@dataclass(frozen=True)
class GoldPredictions:
    """Predictions for the gold sentences that have an answer."""

    corpus: Corpus
    rows: Sequence[Sequence[Entity]]
    repaired: int
    skipped: int = 0
    copy: GoldPredictions | None = None  # those for the noisy copies of the sentences
    tagger: Tagger | None = None  # ``None`` for a file of predictions
    tally: Tally | None = None
    notes: Sequence[str] = ()  # how the files were read, where that is not obvious
    llm: dict[str, Any] = field(default_factory=dict)  # usage of an endpoint, see ``Usage.as_record``

    @property
    def labels(self) -> set[str]:
        """All labels of gold and predictions."""
        of_copy = set[str]() if self.copy is None else self.copy.labels
        return {*self.corpus.labels, *(entity.label for row in self.rows for entity in row)} | of_copy

    def taxonomy(self, name: str) -> Taxonomy:
        """The taxonomy with this name; for ``auto`` the model's own, if it has all labels."""
        own = None if self.tagger is None else self.tagger.taxonomy
        return own if own and name == AUTO and self.labels <= set(own.labels) else choose_taxonomy(name, self.labels)


class Evaluation:
    """Scores and errors of predictions.

    Args:
        predictions: of a file or a model.
        taxonomy: has all labels.
        train: training data, for the recall on the mentions that it contains.
        knowledge: to score the mentions that it knows separately, see ``by_coverage``.

    Attributes:
        noisy: scores on the noisy copy, or ``None``; changes: noisy minus clean, by metric.
        noisy_sentences, noisy_words: how many sentences and words differ in the copy.
    """

    def __init__(
        self, predictions: GoldPredictions, taxonomy: Taxonomy, train: Corpus | None, knowledge: Knowledge | None
    ) -> None:
        self.predictions, self.taxonomy, groups = predictions, taxonomy, taxonomy.coarse_by_fine
        self.corpus, rows, copy = predictions.corpus, predictions.rows, predictions.copy
        gold = [sentence.entities or () for sentence in self.corpus]
        scores = all_scores(self.corpus, rows, groups=groups, train=train, knowledge=knowledge)
        repaired, skipped = self.corpus.repaired + predictions.repaired, self.corpus.skipped + predictions.skipped
        self.scores = replace(scores, repaired=repaired, skipped=skipped)
        self.errors = classify_errors(gold, rows)
        self.noisy: Scores | None = None
        if copy is not None:
            scores = all_scores(copy.corpus, copy.rows, groups=groups, train=train, knowledge=knowledge)
            self.noisy = replace(scores, repaired=copy.repaired)
            self.changes = changes(gold, rows, copy.rows, groups=groups)
            pairs = zip(self.corpus, copy.corpus, strict=True)
            words = [sum(a != b for a, b in zip(x.words, y.words, strict=True)) for x, y in pairs]
            self.noisy_sentences, self.noisy_words = sum(map(bool, words)), sum(words)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        values, llm = {**scores_with_intervals(self.scores), "errors": asdict(self.errors)}, self.predictions.llm
        if llm:
            values |= {"llm": llm, **({"partial": llm["partial"]} if "partial" in llm else {})}
        if self.noisy is not None:
            counts = {"noisy_sentences": self.noisy_sentences, "noisy_words": self.noisy_words}
            values["noisy"] = {**scores_with_intervals(self.noisy), **counts}
            values["changes"] = {name: change.as_dict() for name, change in self.changes.items()}
        return values


def evaluate(gold: Path, predicted: Path | None, options: ScoringOptions) -> Evaluation:
    """Score a file of predictions, or a model, against a gold file; ``None``: a further column of the gold file.

    Raises:
        ConfigError: an option needs a model, or no predictions are named.
        DataError: a file is faulty, or the predictions are for other sentences.
        Unanswered: no sentence has an answer of the endpoint.
    """
    labels = None if options.taxonomy == AUTO or options.map else load_taxonomy(options.taxonomy).labels
    if predicted is None:
        predicted = _with_predictions(gold, options)
    corpus = read(gold, **_reading(options, "gold", gold, predicted), labels=labels, gold=True)
    train = None
    if options.train is not None:
        train = read(options.train, **_reading(options, "train", options.train, gold), gold=True)
    copy = _noisy_copy(corpus, predicted, options)[: options.limit]
    corpus = replace(corpus, sentences=corpus.sentences[: options.limit])
    if predicted.is_dir() and not claimed_by(predicted):
        predictions = _of_model(predicted, corpus, copy, options)
    else:
        predictions = _of_file(predicted, corpus, labels, options)
    tagger, notes = predictions.tagger, list(predictions.notes)
    if options.map:
        corpus, rows = predictions.corpus, predictions.rows
        corpus, rows, note = in_source_labels(corpus, rows, options.map, taxonomy=options.taxonomy, tagger=tagger)
        predictions, notes = replace(predictions, corpus=corpus, rows=rows), [*notes, note]
    if (knowledge := knowledge_of(tagger, options.kb)) is not None:
        notes += warn_of_known(knowledge, predictions.corpus, corpus.path.name)
    taxonomy = Taxonomy.flat(predictions.labels) if options.map else predictions.taxonomy(options.taxonomy)
    return Evaluation(replace(predictions, notes=notes), taxonomy, train, knowledge)


def _with_predictions(gold: Path, options: ScoringOptions) -> Path:
    """The gold file, if the options name its column of predictions."""
    if "predicted" not in parse_columns(options.reading.get("columns")):
        fix = "Fix: name them, or both columns of one file, as --columns word=1,gold=2,predicted=3"
        raise ConfigError(f"PREDICTED|MODEL: got neither predictions nor a model. {fix}")
    if (format := detect(gold)) not in COLUMNS:
        got = f"got {format}; expected columns: {', '.join(COLUMNS)}"
        raise DataError(f"{got}. Fix: name the file of predictions", gold)
    return gold


def _reading(options: ScoringOptions, role: str, path: Path, other: Path | None = None) -> Reading:
    """How a file is read in this role: ``gold``, ``predicted``, or ``train``; columns may be those of the other one."""
    columns = columns_for(options.reading.get("columns"), role)
    if columns and other is not None and not _has_columns(path) and _has_columns(other):
        columns = None
    return {**options.reading, "columns": columns}


def _has_columns(path: Path) -> bool:
    reader = formats[detect(path)].reader if path.is_file() else None
    return reader is not None and reader.by_columns


def _noisy_copy(clean: Corpus, model: Path, options: ScoringOptions) -> Sequence[Sentence]:
    """The noisy copy: made with the defaults of ``coner data noise``, or read from a file; empty if not asked for."""
    if options.noise is None and options.noisy is None:
        return ()
    if options.noise is not None and options.noisy is not None:
        raise ConfigError("--noise, --noisy: got both; expected one of them")
    if options.map:
        raise ConfigError("--map: got a noisy copy to evaluate too; expected one of them")
    if not model.is_dir():
        message = "is not a model folder; expected one with --noise or --noisy, to tag the noisy copy"
        raise ConfigError(f"{model}: {message}")
    if options.noise is not None:
        return Noise(load_keyboard("qwerty"), rate=options.noise)(clean)
    path = Path(str(options.noisy))
    copy = read(path, **_reading(options, "gold", path, clean.path), gold=True)
    check_copy(clean, copy, copy.path)
    return copy


def _of_model(model: Path, corpus: Corpus, copy: Sequence[Sentence], options: ScoringOptions) -> GoldPredictions:
    """Predictions of a model; a sentence without an answer, or whose copy has none, is left out."""
    tagger = load(model, kb=kb_of_model(model, options.kb))
    if not options.map:
        check_labels(corpus, tagger)
    tagger.limit(options.spending)
    tagger.check_endpoint()
    clean, clean_tally = tag_all(tagger, corpus, "tagging")
    noisy, noisy_tally = tag_all(tagger, copy, "tagging the noisy copy") if copy else ([], Tally())
    total = clean_tally + noisy_tally
    kept = [i for i, p in enumerate(clean) if p.entities is not None and (not copy or noisy[i].entities is not None)]
    point = [] if tagger.operating_point is None else [f"{model}: {tagger.operating_point}"]
    llm: dict[str, Any] = {}
    if total.usage is not None and clean_tally.usage is not None:
        shares = clean_tally.usage.per_sentence(clean_tally.answered)
        llm = {**total.usage.as_record(total.failures, answered=len(kept), sentences=len(corpus)), **shares}

    def answered(predictions: Sequence[Prediction], repaired: int) -> GoldPredictions:
        some = [predictions[i] for i in kept]
        gold = replace(corpus, sentences=tuple(prediction.sentence for prediction in some))
        return GoldPredictions(gold, [prediction.entities or () for prediction in some], repaired)

    return replace(
        answered(clean, clean_tally.repaired),
        copy=answered(noisy, noisy_tally.repaired) if copy else None,
        notes=[*point, *(f"{corpus.path}: {note}" for note in corpus.notes)],
        tagger=tagger,
        tally=total,
        llm=llm,
    )


def _of_file(path: Path, gold: Corpus, labels: tuple[str, ...] | None, options: ScoringOptions) -> GoldPredictions:
    options.spending.require_none(f"a file of predictions, {path}")
    reading: Reading = {**_reading(options, "predicted", path, gold.path), "repair": True}
    predicted = read(path, **reading, labels=labels, gold=True, predicted=True)
    predicted = in_case_of(replace(predicted, sentences=predicted.sentences[: options.limit]), gold)
    check_same_words(gold, predicted)
    notes = [f"{corpus.path}: {note}" for corpus in (gold, predicted) for note in corpus.notes]
    same = path.is_file() and path.samefile(gold.path)
    if same and _reading(options, "gold", path) == _reading(options, "predicted", path):
        fix = "Fix: name two files, or two columns with --columns word=1,gold=2,predicted=3"
        got = "GOLD and PREDICTED are the same file, which is scored against itself"
        notes.insert(0, f"Warning: {gold.path}: {got}. {fix}")
    rows = [sentence.entities or () for sentence in predicted]
    return GoldPredictions(gold, rows, predicted.repaired, predicted.skipped, notes=notes)
