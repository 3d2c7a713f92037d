"""coner: train, compare and use taggers for complex, fine-grained named entities.

    import coner

    tagger = coner.load("runs/paper")
    corpus = coner.read("dev.conll")
    found = tagger.tag(corpus)
    print(coner.score_sentences(corpus, found).fine.macro_f1)
    print(tagger("the film was shot in reykjavík ."))

Importing it is light: no torch, no numpy; each name brings what it needs when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coner.core.errors import ConerError
    from coner.core.types import Entity, Mention, Sentence
    from coner.data import read, stream
    from coner.data.reading.words import sentence_from_text
    from coner.evaluation.score import score, score_sentences
    from coner.families import load

__all__ = [
    "ConerError",
    "Entity",
    "Mention",
    "Sentence",
    "load",
    "read",
    "score",
    "score_sentences",
    "sentence_from_text",
    "stream",
]

_HOMES = {
    "ConerError": "coner.core.errors",
    "Entity": "coner.core.types",
    "Mention": "coner.core.types",
    "Sentence": "coner.core.types",
    "load": "coner.families",
    "read": "coner.data",
    "score": "coner.evaluation.score",
    "score_sentences": "coner.evaluation.score",
    "sentence_from_text": "coner.data.reading.words",
    "stream": "coner.data",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'coner' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
