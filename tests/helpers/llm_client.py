"""Prompts and clients that wait little between retries."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from coner.families.llm.endpoint.client import Client
from coner.families.llm.endpoint.ledger import Ledger
from coner.families.llm.endpoint.messages import Completion, Message, Prompt
from coner.families.llm.endpoint.settings import Endpoint
from coner.families.usage import Failure, Spending

SCHEMA = {"type": "object", "properties": {"entities": {"type": "array", "items": {"type": "string"}}}}


def prompt(text: str, *, schema: Any = None, max_tokens: int = 10) -> Prompt:
    return Prompt((Message("system", "Say it again."), Message("user", text)), schema, max_tokens)


def client(url: str, *, ledger: Ledger | None = None, spending: Spending | None = None, **settings: Any) -> Client:
    """A client with short retries, of an endpoint that the user allowed."""
    allowed = replace(spending or Spending(), endpoints=(url,))
    values = {"model": "tiny", "timeout": 30.0, "max_retries": 3, **settings}
    return Client(Endpoint(base_url=url, **values), ledger=ledger, spending=allowed, backoff=0.01)


def kinds(answers: list[Completion | Failure]) -> list[str]:
    """The text of each answer, or the kind of the failure."""
    return [answer.text if isinstance(answer, Completion) else answer.kind for answer in answers]


def stored(path: Path) -> int:
    """Number of answers in a ledger."""
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("SELECT count(*) FROM answers").fetchone()[0])
