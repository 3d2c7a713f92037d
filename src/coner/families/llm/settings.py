"""Settings of a prompted language model: the endpoint, what may be spent there, the prompt, the examples in it."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from coner.config.experiment import Experiment
from coner.config.section import Count, Rate, Section, Seed
from coner.families.manifest import Manifest

DEFAULT_KEY = "OPENAI_API_KEY"
LEDGER = "ledger.sqlite"  # in the model's folder
CALLS = 64  # for the sentences of one batch


class Prices(Section):
    """What a million tokens cost, in any currency; 0: nothing."""

    prompt: Rate = Field(0.0, description="a million tokens of the prompt")
    completion: Rate = Field(0.0, description="a million tokens of the answer")


class Budget(Section):
    """What a run may spend at the endpoint; answers from the ledger cost nothing."""

    tokens: Count | None = Field(None, description="of prompts and answers together; none: no limit")
    cost: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
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
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(120.0, description="seconds for one call")
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
            (parts.hostname or "").encode("idna")  # no empty part, and none too long
        except ValueError:
            raise ValueError("base_url: is no address; expected one such as http://127.0.0.1:8080/v1") from None
        if parts.username or parts.password or parts.query or parts.fragment:  # would stand in every record
            raise ValueError(
                "base_url: holds a user, a key or a query; put the key into the variable that key_env names"
            )
        if not (value.isascii() and value.isprintable()):
            raise ValueError("base_url: is not plain ASCII; write a name in other letters as xn--...")
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


class PromptSettings(Section):
    """How the model is asked."""

    steps: Literal[1, 2] = Field(
        1, description="1: fine classes at once; 2: coarse groups first, then the classes of each mention's group"
    )
    definitions: bool = Field(True, description="the taxonomy's one-line definitions beside the names of the classes")
    sentences: Count = Field(1, description="sentences a call")
    answer_tokens: Count = Field(256, description="most tokens of an answer, a sentence; what is longer is cut off")


class ExampleSettings(Section):
    """Which labelled sentences of the training file stand in a prompt."""

    choice: Literal["none", "fixed", "random", "bm25", "encoder"] = Field(
        "bm25",
        description="none: zero-shot; fixed: the same few that cover the classes, for every sentence; random: others "
        "for every sentence; bm25: those most like the sentence by their words; encoder: by a sentence encoder",
    )
    count: Count = Field(6, description="examples a sentence")
    cover: bool = Field(
        True, description="among those about as good, first take the ones with classes that are not shown yet"
    )
    encoder: str = Field("minilm", description='of choice = "encoder": a packaged encoder, or a folder')


class LlmExperiment(Experiment):
    """A config with ``kind = "llm"``: nothing is fitted; without ``data.train`` it is zero-shot."""

    kind: Literal["llm"]
    llm: Endpoint
    prompt: PromptSettings = PromptSettings()
    examples: ExampleSettings = ExampleSettings()

    @model_validator(mode="after")
    def _nothing_is_trained(self) -> LlmExperiment:
        if self.data.extra:
            raise ValueError("data.extra: nothing of an llm is trained; name the file of its examples in data.train")
        if self.data.noise.rate or self.data.noise.score:
            raise ValueError("data.noise: nothing of an llm is trained; score it with coner evaluate --noise 1")
        return self


class LlmManifest(Manifest):
    """``model.json`` of a prompted language model."""

    settings: LlmExperiment
