"""Taggers as estimators of scikit-learn: for its cross-validation, its searches and its pipelines.

    from sklearn.model_selection import GridSearchCV
    from coner.estimators import CrfEstimator

    search = GridSearchCV(CrfEstimator(crf={"clusters": []}), {"crf__c2": [0.01, 0.1, 1]}, cv=3)
    search.fit(words, tags)

Settings are those of a config: a keyword a section, a name in it after two underscores where scikit-learn sets one
(``train__groups__head__rate``). A fit is what ``coner train`` does on a file without ``data.dev``: a part of the
sentences is kept to choose on. Equal settings, sentences and seed give equal taggers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from coner.config.load import override
from coner.core.errors import ConfigError, DataError, MissingExtra
from coner.core.progress import Log, SilentLog
from coner.core.tags import tags_from_entities
from coner.core.types import Sentence
from coner.data import Corpus
from coner.data.lists import Words, as_sentences, labelled
from coner.data.splits import Split, cut_dev
from coner.data.taxonomy import Taxonomy, choose_taxonomy
from coner.evaluation.score import score_sentences
from coner.families.settings import Fitted, parse_fitted
from coner.runs.in_memory import train_tagger

try:
    from sklearn.base import BaseEstimator
    from sklearn.utils.validation import check_is_fitted
except ImportError:
    raise MissingExtra("an estimator", "sklearn") from None

Settings = Mapping[str, Any]
Scheme = Literal["iob2", "bioes"]


class _Estimator(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """What both have in common; scikit-learn reads the parameters off each ``__init__``."""

    _kind: ClassVar[str]
    _sections: ClassVar[tuple[str, ...]]
    taxonomy: str
    scheme: Scheme
    average: str
    dev_share: float
    seed: int
    verbose: int

    def fit(
        self,
        X: Sequence[Words | Sentence],
        y: Sequence[Sequence[str]] | None = None,
        *,
        dev: tuple[Sequence[Words | Sentence], Sequence[Sequence[str]] | None] | None = None,
    ) -> Self:
        """Train on labelled sentences.

        Args:
            X: a list of words a sentence, or ``Sentence``.
            y: a tag a word, in ``scheme``; none: the sentences' own entities.
            dev: X and y of the part to choose on; none: ``dev_share`` of the sentences, cut off by text.

        Raises:
            ConfigError: a setting is unknown or out of range.
            DataError: a sentence has no labels, or one that the taxonomy does not know; or a tag is not valid.
        """
        settings = self._settings()
        if dev is not None and not (isinstance(dev, tuple) and len(dev) == 2):
            raise DataError("dev: expected a pair (X, y), or (sentences, None)")
        train, judged = labelled(X, y, self.scheme), labelled(*dev, self.scheme) if dev is not None else None
        taxonomy = choose_taxonomy(self.taxonomy, {e.label for s in train for e in s.entities or ()})
        _check_labels(train, judged or (), taxonomy)
        if judged is None:
            train, judged = _cut(train, self.dev_share)
        log = Log() if self.verbose else SilentLog()
        self.tagger_ = train_tagger(settings, train=train, dev=judged, taxonomy=taxonomy, log=log)
        self.labels_ = self.tagger_.labels
        return self

    def predict(self, X: Sequence[Words | Sentence]) -> list[list[str]]:
        """A tag for each word, in ``scheme``; gold is not looked at."""
        check_is_fitted(self, "tagger_")
        sentences = as_sentences(X)
        found = self.tagger_.tag(sentences)
        return [
            tags_from_entities(entities, len(sentence), self.scheme)
            for sentence, entities in zip(sentences, found, strict=True)
        ]

    def score(self, X: Sequence[Words | Sentence], y: Sequence[Sequence[str]] | None = None) -> float:
        """Entity-level F1, by exact span and label, as a fraction of 1: ``average`` says which."""
        check_is_fitted(self, "tagger_")
        gold = labelled(X, y, self.scheme)
        fine = score_sentences(gold, self.tagger_.tag(gold)).fine
        return fine.macro_f1 if self.average == "macro" else fine.micro_f1

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters; with ``deep`` also each setting of a section by itself."""
        params: dict[str, Any] = super().get_params(deep=deep)
        for section in self._sections if deep else ():
            params |= {f"{section}__{key}": value for key, value in (params[section] or {}).items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Change parameters, or by ``section__setting`` one setting of a section."""
        nested = {key: value for key, value in params.items() if key.startswith(self._prefixes())}
        super().set_params(**{key: value for key, value in params.items() if key not in nested})
        for key, value in nested.items():
            section, *path = key.split("__")
            change = reduce(lambda inner, name: {name: inner}, reversed(path), value)
            setattr(self, section, override(getattr(self, section) or {}, change))
        return self

    def _prefixes(self) -> tuple[str, ...]:
        return tuple([f"{section}__" for section in self._sections])

    def _settings(self) -> Fitted:
        if self.average not in ("macro", "micro"):
            raise ConfigError(f"average: {self.average!r}; expected macro or micro")
        if self.scheme not in ("iob2", "bioes"):
            raise ConfigError(f"scheme: {self.scheme!r}; expected iob2 or bioes")
        given = {name: section for name in self._sections if (section := getattr(self, name)) is not None}
        data = {"taxonomy": self.taxonomy, "dev_share": self.dev_share}
        values = {"kind": self._kind, "seed": self.seed, "data": data, **given}
        return parse_fitted(_plain(values), source=type(self).__name__)


class CrfEstimator(_Estimator):
    """The feature CRF.

    Args:
        crf: settings of that section of a config, as far as they differ from the defaults.
        taxonomy: a packaged one, a TOML file, or auto.
        scheme: of the tags, given and predicted.
        average: of ``score``: macro or micro.
        dev_share: of the sentences, to choose the threshold on.
        seed: of all that is random.
        verbose: 1 shows the lines of the training on stderr.
    """

    _kind, _sections = "crf", ("crf",)

    def __init__(
        self,
        *,
        crf: Settings | None = None,
        taxonomy: str = "auto",
        scheme: Scheme = "iob2",
        average: str = "macro",
        dev_share: float = 0.1,
        seed: int = 42,
        verbose: int = 0,
    ) -> None:
        self.crf = crf
        self.taxonomy, self.scheme, self.average = taxonomy, scheme, average
        self.dev_share, self.seed, self.verbose = dev_share, seed, verbose


class EncoderEstimator(_Estimator):
    """A fine-tuned encoder; needs ``coner[encoder]``.

    Args:
        encoder, head, auxiliary, train: settings of those sections of a config, as far as they differ from the
            defaults.
        taxonomy, scheme, average, dev_share, seed, verbose: as of ``CrfEstimator``; the best epoch is chosen.
    """

    _kind, _sections = "encoder", ("encoder", "head", "auxiliary", "train")

    def __init__(
        self,
        *,
        encoder: Settings | None = None,
        head: Settings | None = None,
        auxiliary: Settings | None = None,
        train: Settings | None = None,
        taxonomy: str = "auto",
        scheme: Scheme = "iob2",
        average: str = "macro",
        dev_share: float = 0.1,
        seed: int = 42,
        verbose: int = 0,
    ) -> None:
        self.encoder, self.head, self.auxiliary, self.train = encoder, head, auxiliary, train
        self.taxonomy, self.scheme, self.average = taxonomy, scheme, average
        self.dev_share, self.seed, self.verbose = dev_share, seed, verbose


def _check_labels(train: Sequence[Sentence], dev: Sequence[Sentence], taxonomy: Taxonomy) -> None:
    if not any(sentence.entities for sentence in train):
        raise DataError("the sentences hold no mention; expected labelled sentences to train on")
    unknown = {e.label for sentence in (*train, *dev) for e in sentence.entities or ()} - set(taxonomy.labels)
    if unknown:
        known = ", ".join(taxonomy.labels)
        raise DataError(f"label {min(unknown)!r} is not in taxonomy {taxonomy.name}; expected one of: {known}")


def _cut(sentences: Sequence[Sentence], share: float) -> tuple[list[Sentence], list[Sentence]]:
    """As an experiment without a validation file cuts its training file."""
    try:
        parts = cut_dev(Split(Corpus(tuple(sentences), Path("X")), sha256=""), share)
    except DataError:
        few = f"among {len(sentences)} sentences are too few different ones to keep dev_share={share:g} to choose on"
        raise DataError(f"{few}; give more, or a part to choose on: fit(X, y, dev=(X_dev, y_dev))") from None
    return list(parts["train"].corpus), list(parts["dev"].corpus)


def _plain(value: Any) -> Any:
    """Settings without numpy's numbers, which searches draw."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.item() if isinstance(value, np.generic) else value
