"""How an endpoint wants to be asked: the protocol has versions, and a request that one takes another rejects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from coner.families.llm.prompts.messages import Prompt
from coner.families.llm.settings import Endpoint

Structured = Literal["json_schema", "json_object", "plain"]

_NEXT: dict[Structured, Structured] = {"json_schema": "json_object", "json_object": "plain"}
_FORMAT = re.compile(r"response_format|json_schema|json_object|json schema|structured output|grammar", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """What an endpoint accepts, as far as its answers have told.

    Attributes:
        structured: how an answer is held to a schema: ``json_schema`` (OpenAI, vLLM, llama.cpp, Ollama),
            ``json_object`` with a schema (llama-cpp-python), or not at all.
        length: name of the limit on the answer's tokens.
        sampling: temperature and seed may be set; models that think have their own.
    """

    structured: Structured = "json_schema"
    length: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    sampling: bool = True

    @property
    def declined(self) -> tuple[str, ...]:
        """What the endpoint would not take, and was asked without."""
        unheld = ("a schema for answers",) if self.structured == "plain" else ()
        return unheld if self.sampling else (*unheld, "temperature and seed")

    def body(self, prompt: Prompt, endpoint: Endpoint) -> dict[str, Any]:
        """The request, as the protocol has it."""
        body: dict[str, Any] = {
            "model": endpoint.model,
            "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
            self.length: prompt.max_tokens,
        }
        if self.sampling:
            body["temperature"] = endpoint.temperature
            if endpoint.seed is not None:
                body["seed"] = endpoint.seed
        if prompt.schema is not None and self.structured != "plain":
            body["response_format"] = _format(prompt.schema, self.structured)
        return body

    def after(self, rejection: str, prompt: Prompt) -> Dialect | None:
        """What to try when a request was rejected with these words; ``None``: the dialect is not at fault."""
        if self.length == "max_tokens" and "max_completion_tokens" in rejection:
            return replace(self, length="max_completion_tokens")
        if self.sampling and re.search(r"\b(temperature|seed)\b", rejection):
            return replace(self, sampling=False)
        if prompt.schema is not None and self.structured in _NEXT and _FORMAT.search(rejection):
            return replace(self, structured=_NEXT[self.structured])
        return None


def _format(schema: Mapping[str, Any], structured: Structured) -> dict[str, Any]:
    if structured == "json_schema":
        return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": dict(schema)}}
    return {"type": "json_object", "schema": dict(schema)}
