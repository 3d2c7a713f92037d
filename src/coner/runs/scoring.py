"""Score predictions, or a model, against a gold file: what ``coner evaluate`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError, DataError
from coner.core.tags import Scheme
from coner.core.types import Entity, Sentence, surfaces
from coner.data import Corpus, read
from coner.data.detect import detect_folder
from coner.data.keyboard import load_keyboard
from coner.data.noise import Noise
from coner.data.taxonomy import AUTO, Taxonomy, choose_taxonomy, load_taxonomy
from coner.evaluation.errors import Errors, classify_errors
from coner.evaluation.results import Scores
from coner.evaluation.robustness import Change, changes, check_copy
from coner.evaluation.score import score_sentences
from coner.families import load
from coner.families.tagger import Tagger
from coner.families.usage import Spending
from coner.records.recording import scores_with_intervals
from coner.tagging.stream import Tally, tag_all


@dataclass(frozen=True)
class Options:
    """How files are read and compared."""

    taxonomy: str = AUTO  # name or file; ``auto``: the model's own, else a packaged one that has every label, else flat
    train: Path | None = None  # training file, for the recall on mentions that it contains, and on others
    scheme: Scheme = "iob2"  # of the gold file; predictions are always repaired. [scheme, repair]
    repair: bool = False
    noise: float | None = None  # also evaluate on a copy with typos in this fraction of the sentences
    noisy: Path | None = None  # also evaluate on the noisy copy in this file
    limit: int | None = None  # number of sentences; ``None``: all
    spending: Spending = field(default_factory=Spending)  # limits for a language model


@dataclass(frozen=True)
class NoisyScores:
    """Scores on the noisy copy."""

    scores: Scores  # on the copy
    changes: Mapping[str, Change]  # from the scores on the clean sentences
    sentences: int  # number of those that differ from the clean file. [sentences, words]
    words: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        counts = {"noisy_sentences": self.sentences, "noisy_words": self.words}
        noisy = {**scores_with_intervals(self.scores), **counts}
        return {"noisy": noisy, "changes": {name: change.as_dict() for name, change in self.changes.items()}}


@dataclass(frozen=True)
class Evaluation:
    """Scores and errors of predictions."""

    corpus: Corpus  # gold sentences that have an answer
    scores: Scores  # of the predictions. [scores, errors]
    errors: Errors
    taxonomy: Taxonomy  # that was used
    repaired: int  # counts of faults in the predictions. [repaired, skipped]
    skipped: int
    noisy: NoisyScores | None  # scores on the noisy copy, if there is one
    tagger: Tagger | None  # of the model, if there is one. [tagger, tally]
    tally: Tally | None
    llm: dict[str, Any]  # usage of an endpoint, see ``Usage.as_record``; empty if none was asked

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        values = {**scores_with_intervals(self.scores), "errors": self.errors.as_dict()}
        if self.llm:
            values |= {"llm": self.llm, **({"partial": self.llm["partial"]} if "partial" in self.llm else {})}
        return values if self.noisy is None else {**values, **self.noisy.as_dict()}


@dataclass(frozen=True)
class _Predictions:
    """Predictions for the sentences that have an answer, and for their noisy copies."""

    corpus: Corpus
    rows: Sequence[Sequence[Entity]]
    repaired: int
    skipped: int = 0
    copy: Sequence[Sentence] = ()
    copy_rows: Sequence[Sequence[Entity]] = ()
    copy_repaired: int = 0
    tagger: Tagger | None = None
    tally: Tally | None = None
    llm: dict[str, Any] = field(default_factory=dict)

    def taxonomy(self, name: str) -> Taxonomy:
        """The one with this name; for ``auto`` the model's own, if it has all labels."""
        labels = {*self.corpus.labels, *(e.label for row in [*self.rows, *self.copy_rows] for e in row)}
        own = None if self.tagger is None else self.tagger.taxonomy
        return own if own and name == AUTO and labels <= set(own.labels) else choose_taxonomy(name, labels)


def evaluate(gold: Path, predicted: Path, options: Options) -> Evaluation:
    """Score a file of predictions, or a model, against a gold file.

    Raises:
        ConfigError: an option needs a model.
        DataError: a file is faulty, or the predictions are for other sentences.
        Unanswered: no sentence has an answer of the endpoint.
    """
    labels = None if options.taxonomy == AUTO else load_taxonomy(options.taxonomy).labels
    corpus = read(gold, scheme=options.scheme, repair=options.repair, labels=labels, gold=True)
    seen = None
    if options.train is not None:
        seen = surfaces(read(options.train, scheme=options.scheme, repair=options.repair, gold=True))
    is_model = predicted.is_dir() and detect_folder(predicted) is None
    copy = _noisy_copy(corpus, predicted, options)[: options.limit]
    corpus = replace(corpus, sentences=corpus.sentences[: options.limit])
    predictions = (
        _of_model(predicted, corpus, copy, options) if is_model else _of_file(predicted, corpus, labels, options)
    )
    corpus, taxonomy = predictions.corpus, predictions.taxonomy(options.taxonomy)
    score = partial(score_sentences, groups=taxonomy.coarse_by_fine, seen=seen)
    repaired, skipped = corpus.repaired + predictions.repaired, corpus.skipped + predictions.skipped
    return Evaluation(
        corpus,
        replace(score(corpus, predictions.rows), repaired=repaired, skipped=skipped),
        classify_errors((sentence.entities or () for sentence in corpus), predictions.rows),
        taxonomy,
        predictions.repaired,
        predictions.skipped,
        _noisy_scores(predictions, taxonomy, score(predictions.copy, predictions.copy_rows))
        if predictions.copy
        else None,
        predictions.tagger,
        predictions.tally,
        predictions.llm,
    )


def _noisy_copy(clean: Corpus, model: Path, options: Options) -> Sequence[Sentence]:
    """The sentences with noise, as ``coner data noise`` makes it by default, or those of a file, or none."""
    if options.noise is None and options.noisy is None:
        return ()
    if options.noise is not None and options.noisy is not None:
        raise ConfigError("--noise, --noisy: got both; expected one of them")
    if not model.is_dir():
        raise ConfigError(
            f"{model}: is not a model folder; expected one with --noise or --noisy, to tag the noisy copy"
        )
    if options.noise is not None:
        return Noise(load_keyboard("qwerty"), rate=options.noise)(clean)
    copy = read(str(options.noisy), scheme=options.scheme, repair=options.repair, gold=True)
    check_copy(clean, copy, copy.path)
    return copy


def _of_model(model: Path, corpus: Corpus, copy: Sequence[Sentence], options: Options) -> _Predictions:
    """Predictions of a model; a sentence without an answer, or whose copy has none, is left out."""
    tagger = load(model)
    tagger.limit(options.spending)
    clean, clean_tally = tag_all(tagger, corpus, "tagging")
    noisy, noisy_tally = tag_all(tagger, copy, "tagging the noisy copy") if copy else ([], Tally())
    total = clean_tally + noisy_tally
    kept = [i for i, p in enumerate(clean) if p.entities is not None and (not copy or noisy[i].entities is not None)]
    llm: dict[str, Any] = {}
    if total.usage is not None and clean_tally.usage is not None:
        shares = clean_tally.usage.per_sentence(clean_tally.answered)
        llm = {**total.usage.as_record(total.failures, answered=len(kept), sentences=len(corpus)), **shares}
    return _Predictions(
        replace(corpus, sentences=tuple(corpus[i] for i in kept)),
        [clean[i].entities or () for i in kept],
        clean_tally.repaired,
        copy=[copy[i] for i in kept if copy],
        copy_rows=[noisy[i].entities or () for i in kept if copy],
        copy_repaired=noisy_tally.repaired,
        tagger=tagger,
        tally=total,
        llm=llm,
    )


def _of_file(path: Path, gold: Corpus, labels: tuple[str, ...] | None, options: Options) -> _Predictions:
    options.spending.require_none(f"a file of predictions, {path}")
    predicted = read(path, scheme=options.scheme, repair=True, labels=labels, gold=True)
    predicted = replace(predicted, sentences=predicted.sentences[: options.limit])
    _check_same_words(gold, predicted)
    return _Predictions(gold, [s.entities or () for s in predicted], predicted.repaired, predicted.skipped)


def _noisy_scores(predictions: _Predictions, taxonomy: Taxonomy, scores: Scores) -> NoisyScores:
    gold = [sentence.entities or () for sentence in predictions.corpus]
    pairs = zip(predictions.corpus, predictions.copy, strict=True)
    words = [sum(a != b for a, b in zip(x.words, y.words, strict=True)) for x, y in pairs]
    compared = changes(gold, predictions.rows, predictions.copy_rows, groups=taxonomy.coarse_by_fine)
    return NoisyScores(replace(scores, repaired=predictions.copy_repaired), compared, sum(map(bool, words)), sum(words))


def _check_same_words(gold: Corpus, predicted: Corpus) -> None:
    """``DataError`` at the first word that differs, with its line in both files."""
    for truth, other in zip(gold, predicted, strict=False):
        if truth.words == other.words:
            continue
        pairs = zip(truth.words, other.words, strict=False)
        at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(truth), len(other)))
        (line, word), (gold_line, gold_word) = _word(predicted, other, at), _word(gold, truth, at)
        message = f"got {word} where {gold.path}:{gold_line} has {gold_word}; expected the same sentences and words"
        raise DataError(message, predicted.path, line)
    if len(gold) != len(predicted):
        counts = f"got {len(predicted)} sentences where {gold.path} has {len(gold)}"
        raise DataError(f"{counts}; expected the same sentences and words", predicted.path)


def _word(corpus: Corpus, sentence: Sentence, index: int) -> tuple[int, str]:
    """The line of a word, and the word as it is shown in a message."""
    rows = len(sentence.header) + index if corpus.layout is not None else 0
    return sentence.line + rows, repr(sentence.words[index]) if index < len(sentence) else "the end of the sentence"
