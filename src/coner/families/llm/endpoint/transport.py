"""Send one request over the network, without retries; an error's class shows whether a retry may help."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import anyio
import openai

from coner.families.llm.endpoint.bounded import MAX_BODY, BodyError, BoundedClient, RedirectError, body_bound, bound
from coner.families.llm.endpoint.limits import TokenEstimator
from coner.families.llm.endpoint.messages import Capabilities, Completion, Prompt
from coner.families.llm.endpoint.settings import Endpoint

CONNECT_TIMEOUT = 5.0  # seconds
MIN_SECRET = 8  # characters; a shorter key is a dummy such as "x", and may be part of any word
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)  # of a body of another form
TRANSIENT = frozenset({408, 409, 429})
PERMANENT = frozenset({501, 505})  # every other 5xx may pass
BILLED = frozenset({502, 504, 522, 524})  # from a gateway: the endpoint may have produced an answer
FOR_ALL_PROMPTS = frozenset({401, 403, 404, 429})  # any other prompt would be rejected too
ADVICE = {
    400: "the endpoint cannot process this request; a long prompt may need a larger context",
    401: "expected a valid key. Fix: set the environment variable that key_env names",
    403: "the key may not use this model or address; expected one that may",
    404: "expected a model that the endpoint serves, and a base_url that ends before /chat/completions (usually /v1)",
}


@dataclass(eq=False)
class CallError(Exception):
    """A call without an answer."""

    reason: str  # one line, without the key
    billed: bool = False  # the endpoint may have produced an answer that did not arrive


@dataclass(eq=False)
class TransientError(CallError):
    """The same call may succeed later."""

    retry_after: float = 0.0  # seconds to wait, as the endpoint asks


class NoConnectionError(CallError):
    """No server listens, the host is unknown, or no secure connection can be made."""


@dataclass(eq=False)
class RejectedError(CallError):
    """The same call would be rejected again."""

    message: str = ""  # of the endpoint
    for_all: bool = False  # any other prompt would be rejected too
    unsupported: bool = False  # a request with fewer fields may be accepted


class Transport:
    """Sends requests to one endpoint.

    The key is hidden in every text that leaves this class. The estimator replaces token counts that the endpoint does
    not report, or that cannot be true, and is updated with the others.
    """

    def __init__(self, endpoint: Endpoint, key: str, estimator: TokenEstimator) -> None:
        self._endpoint = endpoint
        self._key = key
        self._estimator = estimator
        self._client = openai.AsyncOpenAI(
            api_key=key,
            base_url=endpoint.base_url,
            max_retries=0,
            timeout=openai.Timeout(endpoint.timeout, connect=min(CONNECT_TIMEOUT, endpoint.timeout)),
            http_client=BoundedClient(trust_env=not endpoint.on_this_machine),
        )
        self._client.organization = self._client.project = None  # from the environment, meant for one endpoint only

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def send(self, prompt: Prompt, capabilities: Capabilities) -> Completion:
        """Send one request; ``CallError`` if there is no answer."""
        began = time.perf_counter()
        body = capabilities.request(prompt, self._endpoint)
        try:
            # The time-out is for the whole response, however slowly it arrives.
            with anyio.fail_after(self._endpoint.timeout), bound(body_bound(prompt.max_tokens)):
                raw = await self._client.chat.completions.with_raw_response.create(**body)
                text = raw.text
        except (TimeoutError, openai.APITimeoutError) as error:
            if type(error.__cause__).__name__ == "ConnectTimeout":
                raise NoConnectionError(self._reason(f"no connection within {CONNECT_TIMEOUT:g} s")) from None
            raise TransientError(self._reason(f"no answer within {self._endpoint.timeout:g} s"), billed=True) from None
        except openai.APIConnectionError as error:
            cause = error.__cause__
            if type(cause).__name__ in {"ConnectError", "ProxyError"}:
                raise NoConnectionError(self._reason(f"no connection: {str(cause).lower()}")) from None
            raise TransientError(self._reason(f"the connection was cut: {cause}"), billed=True) from None
        except openai.APIStatusError as error:
            raise await self._status_error(error) from None
        except BodyError as error:
            raise TransientError(self._reason(str(error)), billed=True) from None
        except RedirectError as error:
            reason = self._reason(f"{error}; expected an answer. Fix: set base_url to the final address")
            raise RejectedError(reason, for_all=True) from None
        except UnicodeEncodeError:
            message = "the prompt contains a lone surrogate; expected whole characters"
            raise RejectedError(self._reason(message), message=message) from None
        return self._parse(prompt, text, time.perf_counter() - began)

    async def _status_error(self, error: openai.APIStatusError) -> CallError:
        status, message = error.status_code, _error_message(self._hide_key(error.response.text))
        reason = self._reason(f"status {status}: {message}")
        transient = status in TRANSIENT or (status >= 500 and status not in PERMANENT)
        if transient and error.code != "insufficient_quota":  # waiting does not help against that one
            retry_after = _retry_after(error.response.headers)
            return TransientError(reason, retry_after=retry_after, billed=status in BILLED)
        if advice := ADVICE.get(status):
            reason = f"{reason}; {advice}"
        if status == 404:
            reason += await self._list_models()
        for_all, unsupported = status in FOR_ALL_PROMPTS, status in {400, 422}
        return RejectedError(reason, message=message, for_all=for_all, unsupported=unsupported)

    async def _list_models(self) -> str:
        try:
            with anyio.fail_after(2 * CONNECT_TIMEOUT), bound(MAX_BODY):
                raw = await self._client.models.with_raw_response.list()
            names = [str(entry["id"]) for entry in json.loads(raw.text)["data"]]
        except (TimeoutError, openai.OpenAIError, BodyError, RedirectError, *MALFORMED):
            return ""
        more = ", ..." if len(names) > 10 else ""
        return self._hide_key(f"; it lists: {', '.join(names[:10])}{more}") if names else "; it lists no model"

    def _parse(self, prompt: Prompt, text: str, seconds: float) -> Completion:
        try:
            body = json.loads(text)
            choice = body["choices"][0]
            content = choice["message"].get("content") or ""
            if not isinstance(content, str):
                raise TypeError
        except MALFORMED:
            got = _error_message(self._hide_key(text)) if text.strip() else "an empty body"
            reason = self._reason(f"got {got}; expected a chat completion")
            raise TransientError(reason, billed=True) from None
        content, finish = self._hide_key(content), self._hide_key(str(choice.get("finish_reason") or "stop"))
        usage = body.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        reported = usage.get("prompt_tokens"), usage.get("completion_tokens")
        used = self._estimator.count(prompt, text, content, reported)
        return Completion(content, finish, used.prompt, used.completion, cached=False, seconds=seconds)

    def _reason(self, text: str) -> str:
        return self._hide_key(f"{self._endpoint.base_url}, model {self._endpoint.model!r}: {text}")

    def _hide_key(self, text: str) -> str:
        """Text of an endpoint without the key, which some endpoints repeat, and without lone surrogates."""
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return text if len(self._key) < MIN_SECRET else text.replace(self._key, "(key)")


def _error_message(text: str) -> str:
    """The message in the body of an error, as one line."""
    try:
        value = json.loads(text)
        for name in ("error", "message", "detail"):
            value = value.get(name) or value if isinstance(value, dict) else value
    except (ValueError, RecursionError):
        value = text
    line = " ".join((value if isinstance(value, str) else json.dumps(value)).split())
    return f"{line[:300]}..." if len(line) > 300 else line or "no message"


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds of a ``Retry-After`` header, which holds seconds or a date; 0 if it is missing or malformed."""
    value = headers.get("retry-after", "")
    with suppress(ValueError):
        return max(0.0, float(value))  # in this order NaN gives 0
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    return 0.0
