"""scikit-learn estimators, for cross-validation, searches and pipelines.

Parameters are the sections of a config; scikit-learn sets a single setting by its path (``train__groups__head__rate``).
``fit`` gives the same tagger as ``coner train`` with a training file only, for equal settings, sentences and seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, ClassVar, Literal, Self, get_args

import numpy as np

from coner.config.load import override
from coner.core.errors import ConfigError, DataError, requires_extra
from coner.core.progress import Log, SilentLog
from coner.core.tags import InputScheme, tags_from_entities
from coner.core.types import Entity, Sentence
from coner.data.memory import Words, as_sentences, labelled
from coner.evaluation.score import score
from coner.families.settings import parse_trainable
from coner.runs.train import fit, sentence_recipe
from coner.tagging.stream import tag_stream

with requires_extra("a scikit-learn estimator", "sklearn"):
    from sklearn.base import BaseEstimator
    from sklearn.utils.validation import check_is_fitted

Sentences = Sequence[Words | Sentence]
Tags = Sequence[Sequence[str]]  # one tag per word
Settings = Mapping[str, Any]
WRITTEN: dict[str, Literal["iob2", "bioes"]] = {"bioes": "bioes", "bilou": "bioes", "bmes": "bioes"}  # others: iob2


class _Estimator(BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    # scikit-learn reads the parameters from the signature of each __init__.
    _kind: ClassVar[str]
    _sections: ClassVar[tuple[str, ...]]

    def fit(self, X: Sentences, y: Tags | None = None, *, dev: tuple[Sentences, Tags | None] | None = None) -> Self:
        """Fit a tagger on labelled sentences.

        Args:
            X: sentences, each a list of words or a ``Sentence``.
            y: one tag per word; by default the entities of the sentences.
            dev: X and y of a dev split; by default ``dev_share`` of the sentences, split by text.

        Raises:
            ConfigError: a setting is unknown or out of range.
            DataError: a sentence has no labels, a label is not in the taxonomy, or a tag is invalid.
        """
        values, source = self._values(), type(self).__name__
        parse_trainable(values, source)  # before the sentences are read
        if dev is not None and not (isinstance(dev, tuple) and len(dev) == 2):
            raise DataError("dev: expected a pair (X, y), or (sentences, None)")
        train, recognised = labelled(X, y, self.scheme)
        log = Log() if self.verbose else SilentLog()
        other = None if dev is None else labelled(*dev, self.scheme)[0]
        recipe = sentence_recipe(values, train, other, source=source, log=log)
        self.scheme_ = recognised if self.scheme == "auto" else WRITTEN.get(self.scheme, "iob2")
        self.tagger_ = fit(recipe, log=log)
        self.labels_ = self.tagger_.labels
        return self

    def predict(self, X: Sentences) -> list[list[str]]:
        """Predict one tag per word, in ``scheme_``; gold entities are ignored."""
        sentences = as_sentences(X)
        pairs = zip(self._entities(sentences), sentences, strict=True)
        return [tags_from_entities(entities, len(sentence), self.scheme_) for entities, sentence in pairs]

    def score(self, X: Sentences, y: Tags | None = None) -> float:
        """Macro or micro F1 (see ``average``) of exact spans with their labels, as a fraction of 1."""
        gold, _ = labelled(X, y, self.scheme)
        fine = score(gold, self._entities(gold)).fine
        return fine.macro_f1 if self.average == "macro" else fine.micro_f1

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters; with ``deep`` also the single settings of each section."""
        params: dict[str, Any] = super().get_params(deep=deep)
        for section in self._sections if deep else ():
            if isinstance(params[section], Mapping):
                params |= {f"{section}__{key}": value for key, value in params[section].items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, or single settings by ``section__setting``."""
        prefixes = tuple(f"{section}__" for section in self._sections)
        nested = {key: value for key, value in params.items() if key.startswith(prefixes)}
        super().set_params(**{key: value for key, value in params.items() if key not in nested})
        for key, value in nested.items():
            section, *path = key.split("__")
            change = reduce(lambda inner, name: {name: inner}, reversed(path), value)
            if not isinstance(settings := getattr(self, section) or {}, Mapping):
                raise ConfigError(f"{section}: got {settings!r:.80}; expected a mapping of settings")
            setattr(self, section, override(settings, change))
        return self

    def _entities(self, sentences: Sequence[Sentence]) -> list[Sequence[Entity]]:
        check_is_fitted(self, "tagger_")
        return [prediction.entities or () for prediction in tag_stream(self.tagger_, sentences)]

    def _values(self) -> dict[str, Any]:
        for name, choices in {"average": ("macro", "micro"), "scheme": get_args(InputScheme)}.items():
            if (value := getattr(self, name)) not in choices:
                raise ConfigError(f"{name}: got {value!r}; expected {', '.join(choices[:-1])} or {choices[-1]}")
        sections = {name: section for name in self._sections if (section := getattr(self, name)) is not None}
        sections["data"] = {"taxonomy": self.taxonomy, "dev_share": self.dev_share}
        return dict(_plain({"kind": self._kind, "seed": self.seed, **sections}))


class CrfEstimator(_Estimator):
    """The feature CRF.

    Args:
        crf: section of a config; missing settings are chosen for the data, as by ``coner train``.
        taxonomy: name of a packaged taxonomy, a TOML file, or ``auto``.
        scheme: of y: ``auto`` (recognised from all tags), ``iob2``, ``iob1``, ``bioes``, ``bilou``, ``bmes`` or ``io``.
        average: of ``score``: ``macro`` or ``micro``.
        dev_share: fraction of the sentences to choose the threshold on.
        seed: of all random choices.
        verbose: 1 logs the training on stderr.

    Attributes:
        tagger_: the fitted tagger.
        labels_: all labels that it can predict.
        scheme_: of its tags: ``bioes`` if ``y`` was of that kind (also ``bilou`` and ``bmes``), else ``iob2``.
    """

    _kind, _sections = "crf", ("crf",)

    def __init__(
        self,
        *,
        crf: Settings | None = None,
        taxonomy: str = "auto",
        scheme: InputScheme = "auto",
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
        encoder, head, auxiliary, train: sections of a config; missing settings are chosen for the
            data, as by ``coner train``.
        taxonomy, scheme, average, dev_share, seed, verbose: as in ``CrfEstimator``; ``dev_share`` chooses the epoch.
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
        scheme: InputScheme = "auto",
        average: str = "macro",
        dev_share: float = 0.1,
        seed: int = 42,
        verbose: int = 0,
    ) -> None:
        self.encoder, self.head, self.auxiliary, self.train = encoder, head, auxiliary, train
        self.taxonomy, self.scheme, self.average = taxonomy, scheme, average
        self.dev_share, self.seed, self.verbose = dev_share, seed, verbose


def _plain(value: Any) -> Any:
    # Searches draw numpy scalars; settings are Python numbers.
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.item() if isinstance(value, np.generic) else value
