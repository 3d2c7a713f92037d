"""What a service is told when it starts. All of it can be pickled: it goes to every worker process."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from coner.core.errors import ConfigError
from coner.families.llm.settings import Budget
from coner.hub import model_name


@dataclass(frozen=True)
class Limits:
    """What a request may ask for.

    Attributes:
        body: bytes of a request.
        texts: of a request.
        text_words: words of one text.
        words: of all texts of a request.
        seconds: for a request's body, and as many for its answer.
    """

    body: int = 1 << 20
    texts: int = 256
    text_words: int = 4096
    words: int = 16384
    seconds: float = 30.0


@dataclass(frozen=True)
class Batching:
    """How requests share a model.

    Attributes:
        words: of a batch; a longer text is a batch of its own.
        wait: seconds that the oldest request waits for company.
        queue: words that may wait; a request that does not fit is turned away.
    """

    words: int = 2048
    wait: float = 0.002
    queue: int = 32768


@dataclass(frozen=True)
class Settings:
    """A service.

    Attributes:
        models: name to folder; the first is the default.
        host, port: to listen at; port 0: a free one.
        workers: processes, each with models of its own.
        token: name of the environment variable that holds the token; ``None``: everybody may ask.
        access_log: a line a request on stderr.
        budget: for all calls of a language model, since the start of the service.
    """

    models: dict[str, Path]
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    limits: Limits = field(default_factory=Limits)
    batching: Batching = field(default_factory=Batching)
    token: str | None = None
    access_log: bool = False
    budget: Budget = field(default_factory=Budget)

    def read_token(self) -> str | None:
        """The token itself, which is kept in no setting; ``ConfigError`` where the variable is not set, or empty."""
        if self.token is None:
            return None
        value = os.environ.get(self.token, "").strip()
        if not value:
            raise ConfigError(f"--token-env {self.token}: no such variable in the environment, or an empty one; set it")
        return value


def name_models(folders: list[Path]) -> dict[str, Path]:
    """Models by the names of their folders, or repositories; ``ConfigError`` where two have the same."""
    named: dict[str, Path] = {}
    for folder in folders:
        name = model_name(folder)
        if name in named:
            raise ConfigError(f"{named[name]} and {folder}: two models named {name!r}; rename or copy one folder")
        named[name] = folder
    return named
