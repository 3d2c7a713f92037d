"""Features by name: one small pure function each, under one of five decorators.

=================  =====================  =================================================================
decorator          the function sees      computed
=================  =====================  =================================================================
word_feature       ``(word)``             once a word type, then put at the declared offsets
cluster_feature    ``(clusters)``         likewise, on the word's clusters instead of its letters
gazetteer_feature  ``(known)``            once a word, on what the training mentions say of it; offsets likewise
place_feature      ``(words, i)``         at every word
sentence_feature   ``(words)``            once a sentence, the same at every word
=================  =====================  =================================================================

A function returns values (``["ing", "ng"]``); the extractor adds the feature's name and the offset, so that two
features never share a string. To add one, write it in ``word``, ``context`` or ``sentence``: the function's name is
its name in the config.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from coner.core.errors import ConfigError

Scope = Literal["word", "cluster", "gazetteer", "place", "sentence"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
Values = list[str]
Function = TypeVar("Function", bound=Callable[..., list[str]])


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature.

    Attributes:
        name: as in the config.
        scope: what its function sees.
        function: from that to values; pure.
        offsets: where the word stands whose values a word gets: -1 the one before. Not for place and sentence.
        by_side: whether a value says only on which side that word stands, not how far away.
    """

    name: str
    scope: Scope
    function: Callable[..., Values]
    offsets: tuple[int, ...] = (0,)
    by_side: bool = False

    def prefix(self, offset: int) -> str:
        """What stands before a value from the word at an offset, so that no two features share a string."""
        place = f"[{offset:+}]" if offset and not self.by_side else "[-]" if offset < 0 else "[+]" if offset else ""
        return f"{self.name}{place}="


FEATURES: dict[str, Feature] = {}


def _register(
    scope: Scope, function: Callable[..., Values], offsets: tuple[int, ...] = (0,), *, by_side: bool = False
) -> None:
    name = function.__name__
    if name in FEATURES:
        raise ValueError(f"two features are called {name}")
    FEATURES[name] = Feature(name, scope, function, offsets, by_side)


def _at_offsets(scope: Scope, offsets: tuple[int, ...], *, by_side: bool = False) -> Callable[[Function], Function]:
    def decorate(function: Function) -> Function:
        _register(scope, function, offsets or (0,), by_side=by_side)
        return function

    return decorate


def word_feature(*offsets: int, by_side: bool = False) -> Callable[[Function], Function]:
    """Decorator: values from the letters of a word, given to the words from which it stands at ``offsets``.

    With ``by_side`` all words of one side give the same feature.
    """
    return _at_offsets("word", offsets, by_side=by_side)


def cluster_feature(*offsets: int) -> Callable[[Function], Function]:
    """Decorator: values from the clusters of a word, given to the words from which it stands at ``offsets``."""
    return _at_offsets("cluster", offsets)


def gazetteer_feature(*offsets: int) -> Callable[[Function], Function]:
    """Decorator: values from what the gazetteer knows of a word, given to the words from which it stands there."""
    return _at_offsets("gazetteer", offsets)


def place_feature(function: Function) -> Function:
    """Decorator: values from a sentence and a place in it."""
    _register("place", function)
    return function


def sentence_feature(function: Function) -> Function:
    """Decorator: values from a whole sentence."""
    _register("sentence", function)
    return function


def select(names: Sequence[str], default: Sequence[str]) -> list[Feature]:
    """The features of these names, in their order; none named: the default ones.

    Raises:
        ConfigError: a name that is not known, or that stands twice.
    """
    chosen = list(names) or list(default)
    for index, name in enumerate(chosen):
        if name not in FEATURES:
            raise ConfigError(f"crf.features: {name!r} is not known; expected some of: {', '.join(sorted(FEATURES))}")
        if name in chosen[:index]:
            raise ConfigError(f"crf.features: {name!r} stands twice; name each feature once")
    return [FEATURES[name] for name in chosen]
