"""Prompts to a language model and its completions.

A language model is a ``Complete``: it takes prompts and yields one completion or failure for each, in order. Prompts
are built and answers are read without network access.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from coner.families.llm.endpoint.settings import Endpoint
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
    finish: str  # "stop" if the model ended it, "length" if it was cut off, or another reason that the endpoint gave
    prompt_tokens: int
    completion_tokens: int
    cached: bool  # whether it is from the ledger and not from a call
    seconds: float  # duration of the call that gave it, without retries


Complete = Callable[[Iterable[Prompt]], Iterator[Completion | Failure]]
Structured = Literal["json_schema", "json_object", "plain"]

_FALLBACK: dict[Structured, Structured] = {"json_schema": "json_object", "json_object": "plain"}
_FORMAT = re.compile(r"response_format|json_schema|json_object|json schema|structured output|grammar", re.IGNORECASE)


@dataclass(frozen=True)
class Capabilities:
    """What an endpoint accepts, as far as its answers have shown.

    An answer is constrained to a schema by ``json_schema`` (OpenAI, vLLM, llama.cpp, Ollama), by ``json_object`` with a
    schema (llama-cpp-python), or not at all (``plain``).
    """

    structured: Structured = "json_schema"
    length_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    sampling: bool = True  # temperature and seed may be set; some reasoning models reject them

    @property
    def declined(self) -> tuple[str, ...]:
        """Request fields that the endpoint does not accept, which are left out."""
        schema = ("a schema for answers",) if self.structured == "plain" else ()
        return schema if self.sampling else (*schema, "temperature and seed")

    def request(self, prompt: Prompt, endpoint: Endpoint) -> dict[str, Any]:
        """The body of a request."""
        body: dict[str, Any] = {
            "model": endpoint.model,
            "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
            self.length_field: prompt.max_tokens,
        }
        if self.sampling:
            body["temperature"] = endpoint.temperature
            if endpoint.seed is not None:
                body["seed"] = endpoint.seed
        if prompt.schema is not None and self.structured == "json_schema":
            form = {"name": "answer", "strict": True, "schema": dict(prompt.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        elif prompt.schema is not None and self.structured == "json_object":
            body["response_format"] = {"type": "json_object", "schema": dict(prompt.schema)}
        return body

    def reduced(self, rejection: str, prompt: Prompt) -> Capabilities | None:
        """What to try after a request was rejected with this message; ``None`` if it does not name a known field."""
        if self.length_field == "max_tokens" and "max_completion_tokens" in rejection:
            return replace(self, length_field="max_completion_tokens")
        if self.sampling and re.search(r"\b(temperature|seed)\b", rejection):
            return replace(self, sampling=False)
        if prompt.schema is not None and self.structured in _FALLBACK and _FORMAT.search(rejection):
            return replace(self, structured=_FALLBACK[self.structured])
        return None
