"""Rules of a fake endpoint that knows the gold entities, and the options for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from coner.core.types import Sentence
from coner.data import read
from helpers.fake_endpoint import FakeEndpoint, FakeResponse, Request, last, says

CONFIG = "llm"  # built-in
USAGE = (100, 10)


def answer(sentence: Sentence) -> str:
    """The expected answer about a sentence."""
    mentions = [{"text": sentence.surface(e), "label": e.label} for e in sentence.entities or ()]
    return json.dumps({"entities": mentions}, ensure_ascii=False)


def asked(request: Request) -> str:
    """The sentence that a prompt asks about."""
    return last(request).removeprefix("Sentence: ")


def knows(
    path: Path, otherwise: Mapping[int, Callable[[Request, int], FakeResponse]] | None = None
) -> Callable[[Request, int], FakeResponse]:
    """A rule that answers with the gold entities of a file; ``otherwise`` has other rules by sentence number."""
    corpus = read(path)
    number = {" ".join(sentence.words): i for i, sentence in enumerate(corpus)}

    def rule(request: Request, turn: int) -> FakeResponse:
        at = number[asked(request)]
        if otherwise and at in otherwise:
            return otherwise[at](request, turn)
        return says(answer(corpus[at]), usage=USAGE)

    return rule


def settings(server: FakeEndpoint | str, **values: object) -> list[str]:
    """The ``--set`` options for an endpoint."""
    url = server if isinstance(server, str) else server.url
    options = {"llm.base_url": url, "llm.model": "tiny", "llm.max_retries": 2, "llm.timeout": 30, **values}
    return [text for key, value in options.items() for text in ("--set", f"{key.replace('__', '.')}={value}")]
