"""One call over the network, without retries: an answer, or what kind of fault it was."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import anyio
import openai

from coner.families.llm.endpoint.capabilities import Dialect
from coner.families.llm.prompts.messages import Prompt
from coner.families.llm.settings import Endpoint

CONNECT = 5.0  # seconds
SECRET = 8  # characters; a shorter key is a dummy, such as "x", and part of many a word
MOST_TOKENS = 1 << 53  # more is no count, and no number of the ledger
PASSING = frozenset({408, 409, 429})
NOT_MADE = frozenset({501, 505})  # of a server that will never do it; every other 5xx may pass
LOST = frozenset({502, 504, 522, 524})  # of what stands before the endpoint: an answer may have been made
# Not about the prompt: the next one would get the same.
FOR_ALL = frozenset({401, 403, 404})
ADVICE = {
    400: "the endpoint cannot take this request; a long one may need a larger context there",
    401: "expected a valid key; set the environment variable that key_env names",
    403: "the key may not use this model or address; expected one that may",
    404: "expected a model that the endpoint has, and a base_url that ends where /chat/completions begins (mostly /v1)",
}


class Fault(Exception):
    """A call without an answer.

    Args:
        reason: one line, without the key.
        billed: the endpoint may have made an answer that did not arrive.
    """

    def __init__(self, reason: str, *, billed: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.billed = billed


class Passing(Fault):
    """The same call may succeed later.

    Args:
        wait: seconds that the endpoint asks for.
    """

    def __init__(self, reason: str, *, wait: float = 0.0, billed: bool = False) -> None:
        super().__init__(reason, billed=billed)
        self.wait = wait


class NoConnection(Fault):
    """Nobody listens, the name is not known, or no secure connection can be made."""


class Rejected(Fault):
    """The same call would be rejected again.

    Args:
        for_all: so would any other.
        words: what the endpoint said.
        mendable: another dialect may help.
    """

    def __init__(self, reason: str, *, for_all: bool, words: str, mendable: bool) -> None:
        super().__init__(reason)
        self.for_all = for_all
        self.words = words
        self.mendable = mendable


@dataclass(frozen=True)
class Reply:
    """What arrived. ``prompt_tokens`` and ``completion_tokens`` are ``None`` where the endpoint does not count."""

    text: str
    finish: str
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float


class Wire:
    """Calls to one endpoint.

    Args:
        endpoint: where.
        key: kept out of all that leaves this class.
    """

    def __init__(self, endpoint: Endpoint, key: str) -> None:
        self._endpoint = endpoint
        self._key = key
        self._client = openai.AsyncOpenAI(
            api_key=key,
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=openai.Timeout(endpoint.timeout, connect=min(CONNECT, endpoint.timeout)),
            http_client=openai.DefaultAsyncHttpxClient(trust_env=not endpoint.on_this_machine),
        )
        self._client.organization = self._client.project = None  # of the environment, whoever the endpoint is

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def ask(self, prompt: Prompt, dialect: Dialect) -> Reply:
        """One call.

        Raises:
            Passing, NoConnection, Rejected: there is no answer.
        """
        began = time.perf_counter()
        body = dialect.body(prompt, self._endpoint)
        try:
            with anyio.fail_after(self._endpoint.timeout):  # of the whole, however slowly it drips
                raw = await self._client.chat.completions.with_raw_response.create(**body)
                text = raw.text
        except (TimeoutError, openai.APITimeoutError) as error:
            if type(error.__cause__).__name__ == "ConnectTimeout":
                raise NoConnection(self._line(f"no connection within {CONNECT:g} s")) from None
            raise Passing(self._line(f"no answer within {self._endpoint.timeout:g} s"), billed=True) from None
        except openai.APIConnectionError as error:
            raise self._cut(error.__cause__) from None
        except openai.APIStatusError as error:
            raise await self._status(error) from None
        except UnicodeEncodeError:
            words = "the prompt holds half of a surrogate pair, which is no text"
            raise Rejected(self._line(words), for_all=False, words=words, mendable=False) from None
        return self._read(text, time.perf_counter() - began)

    def _cut(self, cause: BaseException | None) -> Fault:
        if type(cause).__name__ in {"ConnectError", "ProxyError"}:
            return NoConnection(self._line(f"no connection: {str(cause).lower()}"))
        return Passing(self._line(f"the connection was cut: {cause}"), billed=True)

    async def _status(self, error: openai.APIStatusError) -> Fault:
        status, words = error.status_code, _words(self._hide(error.response.text))
        line = self._line(f"status {status}: {words}")
        passes = status in PASSING or (status >= 500 and status not in NOT_MADE)
        if passes and error.code != "insufficient_quota":  # that one needs a person
            return Passing(line, wait=_wait(error.response.headers), billed=status in LOST)
        if advice := ADVICE.get(status):
            line = f"{line}; {advice}"
        if status == 404:
            line += await self._models()
        return Rejected(line, for_all=status in FOR_ALL or status == 429, words=words, mendable=status in {400, 422})

    async def _models(self) -> str:
        """What the endpoint has, for a person who named something else."""
        try:
            with anyio.fail_after(2 * CONNECT):
                raw = await self._client.models.with_raw_response.list()
            names = [str(entry["id"]) for entry in json.loads(raw.text)["data"]]
        except (TimeoutError, openai.OpenAIError, ValueError, KeyError, TypeError):
            return ""
        more = ", ..." if len(names) > 10 else ""
        return self._hide(f"; it lists: {', '.join(names[:10])}{more}") if names else "; it lists no model"

    def _read(self, text: str, seconds: float) -> Reply:
        try:
            envelope = json.loads(text)
            choice = envelope["choices"][0]
            content = choice["message"].get("content") or ""
            if not isinstance(content, str):
                raise TypeError
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            came = _words(self._hide(text)) if text.strip() else "nothing"
            raise Passing(self._line(f"no answer of the protocol: came {came}"), billed=True) from None
        usage = envelope.get("usage")
        return Reply(
            self._hide(content),
            self._hide(str(choice.get("finish_reason") or "stop")),
            _count(usage, "prompt_tokens"),
            _count(usage, "completion_tokens"),
            seconds,
        )

    def _line(self, what: str) -> str:
        return self._hide(f"{self._endpoint.base_url}, model {self._endpoint.model!r}: {what}")

    def _hide(self, text: str) -> str:
        """What an endpoint says, as text that can be written; some repeat the key in it."""
        text = _whole(text)
        return text if len(self._key) < SECRET else text.replace(self._key, "(key)")


def _words(text: str) -> str:
    """What an endpoint says of an error, as one line, whatever it wraps it in."""
    try:
        found = json.loads(text)
        for name in ("error", "message", "detail"):
            found = found.get(name) or found if isinstance(found, dict) else found
    except (ValueError, RecursionError):
        found = text
    line = " ".join((found if isinstance(found, str) else json.dumps(found)).split())
    return f"{line[:300]}..." if len(line) > 300 else line or "no words"


def _wait(headers: Mapping[str, str]) -> float:
    """Seconds to wait, from a header of seconds or of a date; 0 where there is none."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
        return seconds if seconds > 0 else 0.0  # not a number, too
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0


def _whole(text: str) -> str:
    """Without halves of surrogate pairs, which JSON can hold and no file can."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and 0 <= value < MOST_TOKENS else None
