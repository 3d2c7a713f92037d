"""What a fake endpoint that knows the gold says."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from coner.core.types import Sentence
from coner.data import read
from helpers import ROOT
from helpers.fake_endpoint import Act, FakeEndpoint, Request, last, says

CONFIG = ROOT / "configs/llm.toml"
USAGE = (100, 10)


def answer(sentence: Sentence) -> str:
    """The gold of a sentence as a model should say it."""
    found = [{"text": sentence.surface(e), "label": e.label} for e in sentence.entities or ()]
    return json.dumps({"entities": found}, ensure_ascii=False)


def asked(request: Request) -> str:
    """The sentence that a prompt asks about."""
    return last(request).removeprefix("Sentence: ")


def knows(
    path: Path, otherwise: Mapping[int, Callable[[Request, int], Act]] | None = None
) -> Callable[[Request, int], Act]:
    """A rule that answers with the gold of a file, but for the sentences of these numbers."""
    corpus = read(path)
    number = {" ".join(sentence.words): i for i, sentence in enumerate(corpus)}

    def rule(request: Request, turn: int) -> Act:
        at = number[asked(request)]
        if otherwise and at in otherwise:
            return otherwise[at](request, turn)
        return says(answer(corpus[at]), usage=USAGE)

    return rule


def settings(end: FakeEndpoint | str, **values: object) -> list[str]:
    """``--set`` for an endpoint."""
    url = end if isinstance(end, str) else end.url
    given = {"llm.base_url": url, "llm.model": "tiny", "llm.max_retries": 2, "llm.timeout": 30, **values}
    return [part for key, value in given.items() for part in ("--set", f"{key.replace('__', '.')}={value}")]
