"""Prompts to a language model and its completions.

A language model is a ``Complete``: it takes prompts and gives one completion or failure for each, in order. Building
prompts and reading answers need no network; only ``endpoint`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from coner.families.usage import Failure


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Prompt:
    """The content of one call."""

    messages: tuple[Message, ...]  # those that are equal in all calls come first, for the prefix cache of a server
    schema: Mapping[str, Any] | None  # JSON schema of the answer; None: plain text
    max_tokens: int  # limit of the answer


@dataclass(frozen=True)
class Completion:
    """The answer to a prompt; tokens are as counted by the endpoint, else estimated."""

    text: str
    finish: str  # "stop" if the model ended it, "length" if it was cut off, or the endpoint's own word
    prompt_tokens: int
    completion_tokens: int
    cached: bool  # whether it is from the ledger and not from a call
    seconds: float  # duration of the call that gave it, without retries


Complete = Callable[[Iterable[Prompt]], Iterator[Completion | Failure]]
