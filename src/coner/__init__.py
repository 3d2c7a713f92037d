"""coner: train, compare and serve taggers for complex, fine-grained named entities.

    import coner

    tagger = coner.train("train.conll", out="runs/mine")  # or coner.load("runs/mine")
    print(tagger("the film was shot in reykjavík ."))
    gold = coner.read("test.conll")
    print(coner.score(gold, coner.tag_stream(tagger, gold)).fine.macro_f1)

Importing it is fast: no torch, no numpy; each name loads what it needs when it is first used.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # typing takes a while to import; see ``coner.cli``
if TYPE_CHECKING:
    from typing import Any

    from coner.core.errors import ConerError
    from coner.core.types import Entity, Mention, Region, Sentence
    from coner.data import Corpus, read, stream
    from coner.data.reading.words import sentence_from_text
    from coner.evaluation.score import score
    from coner.families import Prediction, Tagger, load
    from coner.runs.train import train
    from coner.tagging.stream import tag_stream

    __version__: str

__all__ = [
    "ConerError",
    "Corpus",
    "Entity",
    "Mention",
    "Prediction",
    "Region",
    "Sentence",
    "Tagger",
    "__version__",
    "load",
    "read",
    "score",
    "sentence_from_text",
    "stream",
    "tag_stream",
    "train",
]

_MODULES = {
    "ConerError": "coner.core.errors",
    "Corpus": "coner.data",
    "Entity": "coner.core.types",
    "Mention": "coner.core.types",
    "Prediction": "coner.families",
    "Region": "coner.core.types",
    "Sentence": "coner.core.types",
    "Tagger": "coner.families",
    "load": "coner.families",
    "read": "coner.data",
    "score": "coner.evaluation.score",
    "sentence_from_text": "coner.data.reading.words",
    "stream": "coner.data",
    "tag_stream": "coner.tagging.stream",
    "train": "coner.runs.train",
}
_FORMER = {"score_sentences": "score"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("coner")
    elif (now := _FORMER.get(name, name)) in _MODULES:
        value = getattr(importlib.import_module(_MODULES[now]), now)
    else:
        raise AttributeError(f"module 'coner' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
