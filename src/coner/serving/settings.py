"""Settings of a service. All of them can be pickled, since every worker process gets a copy."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from coner.core.errors import ConfigError
from coner.families.options import LoadOptions
from coner.families.usage import Spending
from coner.hub import model_name


@dataclass(frozen=True)
class Limits:
    """Limits of one request."""

    body: int = 1 << 20  # bytes
    texts: int = 256
    text_words: int = 4096  # words in one text
    words: int = 16384  # words in all texts
    seconds: float = 30.0  # to receive the body, and again to answer


@dataclass(frozen=True)
class Batching:
    """How requests share a model."""

    words: int = 2048  # in a batch; a longer text is a batch of its own
    wait: float = 0.002  # seconds that the oldest request waits for a batch to fill
    queue: int = 32768  # words that may wait; a request that does not fit is rejected


@dataclass(frozen=True)
class Settings:
    """Everything that defines a service."""

    models: dict[str, Path]  # folders by name, the default first
    host: str = "127.0.0.1"
    port: int = 8000  # 0: any free one
    allow_hosts: tuple[str, ...] = ()  # names in Host and Origin, besides those of this machine
    check_hosts: bool = False  # set by ``run`` where the address is one of this machine only, or names are allowed
    workers: int = 1  # processes, each with its own copy of the models
    limits: Limits = field(default_factory=Limits)
    batching: Batching = field(default_factory=Batching)
    token: str | None = None  # environment variable that holds the token; None: no token is needed
    access_log: bool = False  # log every request on stderr
    spending: Spending = field(default_factory=Spending)  # for all calls since the service started
    options: LoadOptions = field(default_factory=LoadOptions)  # rules and links, of all models

    def read_token(self) -> str | None:
        """The token, which is not stored here; ``ConfigError`` if its variable is unset or empty."""
        if self.token is None:
            return None
        value = os.environ.get(self.token, "").strip()
        if not value:
            raise ConfigError(f"--token-env {self.token}: got no value; expected a token. Fix: export {self.token}=...")
        return value


def name_models(folders: list[Path]) -> dict[str, Path]:
    """Name each model after its folder or hub repository; ``ConfigError`` if two share a name."""
    named: dict[str, Path] = {}
    for folder in folders:
        name = model_name(folder)
        if name in named:
            raise ConfigError(f"{named[name]} and {folder}: got two models named {name!r}. Fix: rename one folder")
        named[name] = folder
    return named
