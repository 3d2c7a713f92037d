"""Registry of features: small pure functions, registered under their name and scope.

=========  ===================  ==================================================================
scope      the function gets    evaluated
=========  ===================  ==================================================================
word       ``(word)``           once per word type; a word gets the values of the words at ``offsets``
cluster    ``(clusters)``       likewise, from the clusters of a word
gazetteer  ``(entry)``          once per word, from the training mentions; offsets as for ``word``
place      ``(words, i)``       for every word
sentence   ``(words)``          once per sentence; all its words get the values
=========  ===================  ==================================================================

A function returns values (``["ing", "ng"]``); the extractor puts the feature's name and the offset before each, so that
two features never share a string.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

Scope = Literal["word", "cluster", "gazetteer", "place", "sentence"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
Values = list[str]
Function = TypeVar("Function", bound=Callable[..., list[str]])


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature."""

    name: str  # as in the config
    scope: Scope
    function: Callable[..., Values]  # pure
    prefixes: Mapping[int, str]  # offset of a word whose values a word gets (-1: the word before) to their prefix


FEATURES: dict[str, Feature] = {}


def feature(scope: Scope, *offsets: int, by_side: bool = False) -> Callable[[Function], Function]:
    """Decorator: register a function as a feature.

    Args:
        offsets: of the words whose values a word gets, relative to it; none: its own. Not for ``place``, ``sentence``.
        by_side: mark values with the side of that word only, not with its distance.
    """

    def mark(offset: int) -> str:
        side = "-" if offset < 0 else "+"
        return f"[{side if by_side else f'{offset:+}'}]" if offset else ""

    def register(function: Function) -> Function:
        name = function.__name__
        if name in FEATURES:
            raise ValueError(f"two features are called {name}")
        prefixes = {offset: f"{name}{mark(offset)}=" for offset in offsets or (0,)}
        FEATURES[name] = Feature(name, scope, function, prefixes)
        return function

    return register
