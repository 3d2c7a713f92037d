"""A prompted language model as a tagger: what is asked, what comes back, and how the one becomes the other.

An LLM is a ``Complete``: prompts in, one answer each out, in the order of the prompts. Building prompts and reading
answers are pure functions; only ``client`` knows of a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Prompt:
    """What is asked in one call.

    Attributes:
        messages: what does not change from call to call comes first, so that a server's prefix cache works.
        schema: JSON schema that the answer must follow; ``None`` where plain text is asked for.
        max_tokens: of the answer.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None
    max_tokens: int


@dataclass(frozen=True)
class Completion:
    """What came back for a prompt.

    Attributes:
        text: of the answer.
        finish: ``stop`` where the model ended it, ``length`` where it was cut, or the endpoint's own word.
        prompt_tokens, completion_tokens: as the endpoint counted them, or estimated where it does not.
        cached: from the ledger, not from a call.
        seconds: of the call that gave it, retries aside.
    """

    text: str
    finish: str
    prompt_tokens: int
    completion_tokens: int
    cached: bool
    seconds: float


@dataclass(frozen=True)
class Failure:
    """Why a prompt has no answer, after all retries, or because the budget is spent.

    Attributes:
        kind: ``budget``, ``refused`` (by the endpoint: wrong model, key, request), ``unreachable`` or ``exhausted``.
        reason: one line for the user, without any key.
    """

    kind: Literal["budget", "refused", "unreachable", "exhausted"]
    reason: str


Complete = Callable[[Iterable[Prompt]], Iterator[Completion | Failure]]
