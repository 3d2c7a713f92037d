"""Settings of an endpoint that speaks the OpenAI protocol, and of what may be spent there."""

from __future__ import annotations

import ipaddress
import os
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from coner.config import Count, Rate, Section, Seed
from coner.errors import ConfigError

DEFAULT_KEY = "OPENAI_API_KEY"
NO_KEY = "none"  # the protocol wants some key, even where none is looked at


class Prices(Section):
    """What a million tokens cost, in any currency; 0: nothing."""

    prompt: Rate = Field(0.0, description="a million tokens of the prompt")
    completion: Rate = Field(0.0, description="a million tokens of the answer")


class Budget(Section):
    """What a run may spend at the endpoint; answers from the ledger cost nothing."""

    tokens: Count | None = Field(None, description="of prompts and answers together; none: no limit")
    cost: Annotated[float, Field(gt=0)] | None = Field(
        None, description="in the currency of the prices; none: no limit"
    )


class Endpoint(Section):
    """Where a language model answers, and how it is asked."""

    base_url: str = Field(
        "http://127.0.0.1:8080/v1", description="of the endpoint, up to /v1: hosted, vLLM, llama.cpp, Ollama"
    )
    model: Annotated[str, Field(min_length=1)] = Field(description="name that the endpoint knows the model by")
    key_env: str = Field(
        "",
        description=f"environment variable that holds the key; empty: {DEFAULT_KEY}, or no key where the endpoint is "
        "on this machine or network",
    )
    temperature: Rate = Field(0.0, description="0: the likeliest answer")
    seed: Seed | None = Field(0, description="of the sampling, where the endpoint knows one; none: not sent")
    timeout: Annotated[float, Field(gt=0)] = Field(120.0, description="seconds for one call")
    concurrency: Count = Field(4, description="calls at once")
    requests_per_minute: Annotated[int, Field(ge=0)] = Field(0, description="at most; 0: no limit")
    tokens_per_minute: Annotated[int, Field(ge=0)] = Field(0, description="at most, estimated ahead; 0: no limit")
    max_retries: Annotated[int, Field(ge=0)] = Field(5, description="of a call that may yet succeed")
    prices: Prices = Field(Prices(), description="to count the cost")

    @field_validator("base_url")
    @classmethod
    def _a_plain_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError:
            raise ValueError("base_url: is no address; expected one such as http://127.0.0.1:8080/v1") from None
        if parts.username or parts.password or parts.query or parts.fragment:  # would stand in every record
            raise ValueError(
                "base_url: holds a user, a key or a query; put the key into the variable that key_env names"
            )
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"base_url: came {value!r}; expected an address such as http://127.0.0.1:8080/v1")
        return value.rstrip("/")

    @property
    def local(self) -> bool:
        """It is on this machine or in its own network, where a key is seldom needed."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_private
        except ValueError:
            return "." not in host or host.endswith((".local", ".localhost", ".internal"))

    @property
    def on_this_machine(self) -> bool:
        """No proxy stands between."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def read_key(endpoint: Endpoint) -> str:
    """The key, from the environment; ``NO_KEY`` where none is needed. The default key is not sent to local endpoints.

    Raises:
        ConfigError: it is needed and not set, or cannot be a key.
    """
    if endpoint.local and not endpoint.key_env:
        return NO_KEY
    name = endpoint.key_env or DEFAULT_KEY
    key = os.environ.get(name, "").strip()
    if not key:
        raise ConfigError(
            f"key_env: the environment variable {name} is not set, and {endpoint.base_url} needs a key; "
            "set it, or name another one in key_env"
        )
    if not re.fullmatch("[!-~]+", key):
        raise ConfigError(
            f"key_env: what {name} holds is no key: expected printable ASCII without blanks; set it again"
        )
    return key
