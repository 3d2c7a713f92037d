"""Scores of a gold file against predictions in a file, or against a model: the engine of ``coner evaluate``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    """How files are read and compared.

    Attributes:
        taxonomy: name or file; ``auto``: the model's own, else a packaged one that has every label, else flat.
        train: training file, to tell seen from unseen mentions.
        scheme, repair: of the gold file; predictions are always repaired.
        noise: share of the sentences of a noisy copy that get typos.
        noisy: file with a noisy copy.
        limit: only so many sentences.
        spending: limits for a language model.
    """

    taxonomy: str = AUTO
    train: Path | None = None
    scheme: Scheme = "iob2"
    repair: bool = False
    noise: float | None = None
    noisy: Path | None = None
    limit: int | None = None
    spending: Spending = field(default_factory=Spending)


@dataclass(frozen=True)
class NoisyScores:
    """Scores on the noisy copy, and how they differ from those on the clean sentences.

    Attributes:
        sentences, words: how many of the copy differ from the clean file.
    """

    scores: Scores
    changes: Mapping[str, Change]
    sentences: int
    words: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        counts = {"noisy_sentences": self.sentences, "noisy_words": self.words}
        noisy = {**scores_with_intervals(self.scores), **counts}
        return {"noisy": noisy, "changes": {name: change.as_dict() for name, change in self.changes.items()}}


@dataclass(frozen=True)
class Evaluation:
    """What was compared, and how well it agrees.

    Attributes:
        corpus: gold sentences that have an answer.
        scores, errors: of the predictions.
        taxonomy: that was used.
        repaired, skipped: in the predictions.
        noisy: the same on a noisy copy, if there is one.
        tagger, tally: of the model, if there is one.
        llm: what an endpoint was asked.
    """

    corpus: Corpus
    scores: Scores
    errors: Errors
    taxonomy: Taxonomy
    repaired: int
    skipped: int
    noisy: NoisyScores | None = None
    tagger: Tagger | None = None
    tally: Tally | None = None
    llm: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        values = {**scores_with_intervals(self.scores), "errors": self.errors.as_dict()}
        if self.llm:
            values |= {"llm": self.llm, **({"partial": self.llm["partial"]} if "partial" in self.llm else {})}
        return values if self.noisy is None else {**values, **self.noisy.as_dict()}


@dataclass(frozen=True)
class _Answers:
    """Sentences that have an answer, and the predictions for them and for their noisy copies."""

    corpus: Corpus
    predicted: Sequence[Sequence[Entity]]
    repaired: int
    skipped: int = 0
    copy: Sequence[Sentence] = ()
    copy_predicted: Sequence[Sequence[Entity]] = ()
    copy_repaired: int = 0
    tagger: Tagger | None = None
    tally: Tally | None = None
    llm: dict[str, Any] = field(default_factory=dict)


def evaluate(gold: Path, predicted: Path, options: Options) -> Evaluation:
    """Score a file of predictions, or a model, against a gold file.

    Raises:
        ConfigError: an option needs a model.
        DataError: a file is faulty, or the predictions are of other sentences.
        Unanswered: an endpoint answered for no sentence.
    """
    labels = None if options.taxonomy == AUTO else load_taxonomy(options.taxonomy).labels
    corpus = read(gold, scheme=options.scheme, repair=options.repair, labels=labels, gold=True)
    seen = None
    if options.train is not None:
        seen = surfaces(read(options.train, scheme=options.scheme, repair=options.repair, gold=True))
    is_model = predicted.is_dir() and detect_folder(predicted) is None
    copy = _noisy_copy(corpus, predicted, options)
    limited = replace(corpus, sentences=corpus.sentences[: options.limit])
    if is_model:
        answers = _ask(predicted, limited, copy[: options.limit], options)
    else:
        answers = _from_file(predicted, limited, labels, options)
    return _evaluation(answers, options, seen)


def _evaluation(answers: _Answers, options: Options, seen: Collection[str] | None) -> Evaluation:
    corpus, predicted = answers.corpus, answers.predicted
    own = None if answers.tagger is None else answers.tagger.taxonomy
    used = {*corpus.labels, *(e.label for row in [*predicted, *answers.copy_predicted] for e in row)}
    keep_own = own is not None and options.taxonomy == AUTO and used <= set(own.labels)
    taxonomy = own if own is not None and keep_own else choose_taxonomy(options.taxonomy, used)
    groups = taxonomy.coarse_by_fine
    scores = score_sentences(corpus, predicted, groups=groups, seen=seen)
    return Evaluation(
        corpus,
        replace(scores, repaired=corpus.repaired + answers.repaired, skipped=corpus.skipped + answers.skipped),
        classify_errors((sentence.entities or () for sentence in corpus), predicted),
        taxonomy,
        answers.repaired,
        answers.skipped,
        _noisy_scores(answers, groups, seen) if answers.copy else None,
        answers.tagger,
        answers.tally,
        answers.llm,
    )


def _noisy_copy(clean: Corpus, model: Path, options: Options) -> Sequence[Sentence]:
    """Sentences with noise (as ``coner data noise`` makes it by default), or those of a file; else none."""
    if options.noise is None and options.noisy is None:
        return ()
    if options.noise is not None and options.noisy is not None:
        raise ConfigError("--noise makes a noisy copy, --noisy names one; choose one of them")
    if not model.is_dir():
        raise ConfigError(f"{model}: is no model folder; --noise and --noisy need a model, to tag the noisy copy with")
    if options.noise is not None:
        return Noise(load_keyboard("qwerty"), rate=options.noise)(clean)
    copy = read(str(options.noisy), scheme=options.scheme, repair=options.repair, gold=True)
    check_copy(clean, copy, copy.path)
    return copy


def _ask(model: Path, corpus: Corpus, copy: Sequence[Sentence], options: Options) -> _Answers:
    """A model's predictions; what has no answer, in the sentences or their copies, is left out of both."""
    tagger = load(model)
    tagger.limit(options.spending)
    clean, clean_tally = tag_all(tagger, corpus, "tagging")
    noisy, noisy_tally = tag_all(tagger, copy, "tagging the noisy copy") if copy else ([], Tally())
    total = clean_tally + noisy_tally
    kept = [i for i, p in enumerate(clean) if p.entities is not None and (not copy or noisy[i].entities is not None)]
    llm: dict[str, Any] = {}
    if total.usage is not None and clean_tally.usage is not None:
        shares = clean_tally.usage.per_sentence(clean_tally.answered)
        record = total.usage.as_record(total.failures, answered=len(kept), sentences=len(corpus))
        llm = {**record, **shares}
    return _Answers(
        replace(corpus, sentences=tuple(corpus[i] for i in kept)),
        [clean[i].entities or () for i in kept],
        clean_tally.repaired,
        copy=[copy[i] for i in kept if copy],
        copy_predicted=[noisy[i].entities or () for i in kept if copy],
        copy_repaired=noisy_tally.repaired,
        tagger=tagger,
        tally=total,
        llm=llm,
    )


def _from_file(path: Path, gold: Corpus, labels: tuple[str, ...] | None, options: Options) -> _Answers:
    if options.spending != Spending():
        raise ConfigError(
            f"--budget-tokens, --budget-cost, --ledger: {path} holds predictions, and no endpoint is asked; "
            "leave them out"
        )
    predicted = read(path, scheme=options.scheme, repair=True, labels=labels, gold=True)
    predicted = replace(predicted, sentences=predicted.sentences[: options.limit])
    _check_same_words(gold, predicted)
    rows: list[Sequence[Entity]] = [sentence.entities or () for sentence in predicted]
    return _Answers(gold, rows, predicted.repaired, predicted.skipped)


def _noisy_scores(answers: _Answers, groups: Mapping[str, str], seen: Collection[str] | None) -> NoisyScores:
    gold = [sentence.entities or () for sentence in answers.corpus]
    pairs = zip(answers.corpus, answers.copy, strict=True)
    words = [sum(a != b for a, b in zip(x.words, y.words, strict=True)) for x, y in pairs]
    scores = score_sentences(answers.copy, answers.copy_predicted, groups=groups, seen=seen)
    compared = changes(gold, answers.predicted, answers.copy_predicted, groups=groups)
    return NoisyScores(replace(scores, repaired=answers.copy_repaired), compared, sum(map(bool, words)), sum(words))


def _check_same_words(gold: Corpus, predicted: Corpus) -> None:
    """``DataError`` at the first word that differs, with its line in both files."""
    for truth, other in zip(gold, predicted, strict=False):
        if truth.words == other.words:
            continue
        pairs = zip(truth.words, other.words, strict=False)
        at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(truth), len(other)))
        (here, word), (there, expected) = _word(predicted, other, at), _word(gold, truth, at)
        message = f"got {word} where {gold.path}:{there} has {expected}; expected the same sentences and words"
        raise DataError(message, predicted.path, here)
    if len(gold) != len(predicted):
        counts = f"got {len(predicted)} sentences where {gold.path} has {len(gold)}"
        raise DataError(f"{counts}; expected the same sentences and words", predicted.path)


def _word(corpus: Corpus, sentence: Sentence, index: int) -> tuple[int, str]:
    """The line of a word, and the word as a message shows it."""
    rows = len(sentence.header) + index if corpus.layout is not None else 0
    return sentence.line + rows, repr(sentence.words[index]) if index < len(sentence) else "the end of the sentence"
