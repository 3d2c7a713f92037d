"""Settings of an endpoint: address, model, sampling, limits and prices; and its API key, from the environment."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from coner.config.section import Count, Natural, Positive, Rate, Section, Seed
from coner.core.errors import ConfigError

DEFAULT_KEY = "OPENAI_API_KEY"
KEY_SUFFIX = "_API_KEY"  # a model of someone else may name no other variable, such as a password
NO_KEY = "none"  # the client library needs some key, even for endpoints that check none
CUSTOM_HEADERS = "OPENAI_CUSTOM_HEADERS"  # the client library would send these to any endpoint


class Prices(Section):
    """Prices per million tokens, in any currency."""

    prompt: Rate = Field(0.0, description="price per million tokens of the prompt")
    completion: Rate = Field(0.0, description="price per million tokens of the answer")


class Endpoint(Section):
    """The endpoint of a language model, and how it is called."""

    base_url: str = Field(
        "http://127.0.0.1:8080/v1", description="address up to /v1, of a hosted model, vLLM, llama.cpp or Ollama"
    )
    model: Annotated[str, Field(min_length=1)] = Field(description="name of the model at the endpoint")
    key_env: str = Field(
        "",
        description=f"environment variable that holds the API key, ending in {KEY_SUFFIX}; empty: {DEFAULT_KEY}, or no "
        "key if the endpoint is on this machine or network",
    )
    temperature: Rate = Field(0.0, description="sampling temperature; 0: the most likely answer")
    seed: Seed | None = Field(0, description="seed of the sampling, if the endpoint takes one; none: not sent")
    timeout: Positive = Field(120.0, description="seconds for one call")
    concurrency: Count = Field(4, description="calls at the same time")
    requests_per_minute: Natural = Field(0, description="maximum requests per minute; 0: no limit")
    tokens_per_minute: Natural = Field(0, description="maximum tokens per minute, estimated before calls; 0: no limit")
    max_retries: Natural = Field(5, description="maximum retries of a call that may succeed later")
    prices: Prices = Field(Prices(), description="prices to compute the cost")

    @field_validator("key_env")
    @classmethod
    def _check_key_name(cls, value: str) -> str:
        if value and not re.fullmatch(rf"[A-Za-z_]\w{{0,100}}{KEY_SUFFIX}|{KEY_SUFFIX[1:]}", value, re.ASCII):
            raise ValueError(f"key_env: got {value!r:.80}; expected a variable whose name ends in {KEY_SUFFIX}")
        return value

    @field_validator("base_url")
    @classmethod
    def _check_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            _ = parts.port
            (parts.hostname or "").encode("idna")  # rejects empty and long labels
        except ValueError:
            raise ValueError("base_url: got an invalid address; expected one like http://127.0.0.1:8080/v1") from None
        if parts.username or parts.password or parts.query or parts.fragment:  # the address is recorded
            fix = "Fix: put the key into the variable that key_env names"
            raise ValueError(f"base_url: got an address with a user, a key or a query. {fix}")
        if not (value.isascii() and value.isprintable()):
            raise ValueError("base_url: got an address that is not ASCII. Fix: write other letters as xn--...")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"base_url: got {value!r}; expected an address like http://127.0.0.1:8080/v1")
        return value.rstrip("/")

    @property
    def local(self) -> bool:
        """Whether it is on this machine or its network, where a key is seldom needed."""
        if isinstance(host := self._host(), str):
            return "." not in host or host.endswith((".local", ".localhost", ".internal"))
        return host.is_private

    @property
    def on_this_machine(self) -> bool:
        """Whether it is on this machine, so that no proxy is used."""
        host = self._host()
        return host == "localhost" if isinstance(host, str) else host.is_loopback

    def _host(self) -> str | IPv4Address | IPv6Address:
        host = urlsplit(self.base_url).hostname or ""
        with suppress(ValueError):
            return ip_address(host)
        return host


def key_name(endpoint: Endpoint) -> str:
    """The environment variable that holds the key; empty if the endpoint gets none."""
    return endpoint.key_env or ("" if endpoint.local else DEFAULT_KEY)


def read_api_key(endpoint: Endpoint) -> str:
    """The key from the environment, or ``NO_KEY``. Local endpoints do not get the default key.

    Raises:
        ConfigError: the key is needed and not set, or is malformed; or the environment sets custom headers.
    """
    if os.environ.get(CUSTOM_HEADERS):
        raise ConfigError(f"{CUSTOM_HEADERS}: is set, and would be sent to {endpoint.base_url} too. Fix: unset it")
    name = key_name(endpoint)
    if not name:
        return NO_KEY
    key = os.environ.get(name, "").strip()
    if not key:
        raise ConfigError(
            f"key_env: the environment variable {name} is not set, and {endpoint.base_url} needs a key. "
            "Fix: set it, or name another variable in key_env"
        )
    if not re.fullmatch("[!-~]+", key):
        raise ConfigError(f"key_env: the value of {name} is not a key; expected printable ASCII without spaces")
    return key
