"""Checks that every request passes before the application sees it.

An error is sent when the rest of the body has been received: a client that is still sending would find its connection
reset, and most clients look for an answer only then.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coner.serving.errors import ServiceError
from coner.serving.hosts import check_hosts
from coner.serving.settings import Limits

DISCARD_BYTES, DISCARD_SECONDS = 16 << 20, 2.0  # of a body that is not used
SINGLE = (b"host", b"origin", b"authorization")  # a request with two may mean one thing to a proxy, and another here


class _Incoming:
    """The body of a request."""

    def __init__(self, receive: Receive, *, waits: bool) -> None:
        self._receive = receive
        self.waits = waits  # the client sends nothing before it is asked to, with status 100
        self.unread = True  # its end has not been received
        self.disconnected = False

    async def read(self) -> bytes:
        """The next piece."""
        message = await self._receive()
        self.waits = False
        self.disconnected = message["type"] == "http.disconnect"
        self.unread = bool(message.get("more_body", False))
        return bytes(message.get("body", b""))

    async def discard(self) -> None:
        """Receive the rest, within limits, and forget it."""
        size = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_SECONDS):
                while self.unread and not self.waits and size < DISCARD_BYTES:
                    size += len(await self.read())


def _check_headers(names: Sequence[bytes]) -> None:
    """``ServiceError`` 400 for a request that a proxy in front may read in another way."""
    twice = next((name.decode() for name in SINGLE if names.count(name) > 1), None)
    if twice or {b"content-length", b"transfer-encoding"} <= set(names):
        got = f"{twice.title()} twice" if twice else "both Content-Length and Transfer-Encoding"
        raise ServiceError(400, "invalid_request", f"got {got}; expected one", {"Connection": "close"})


@dataclass(frozen=True, eq=False, repr=False)
class RequestGuard:
    """Checks host, token, body size and time, and cancels a request whose client has disconnected."""

    app: ASGIApp  # gets a request once its whole body is there
    limits: Limits
    token: str | None  # that a request must carry; no repr shows it
    open_paths: frozenset[str]  # need no token
    hosts: tuple[str, ...] | None  # names in Host and Origin besides those of this machine; ``None``: any
    on_response: Callable[[str, int, float], None]  # called with path, status and seconds of every response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; lifespan events are passed on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.monotonic()

        async def respond(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.on_response(scope["path"], message["status"], time.monotonic() - start)
                headers = [*message.get("headers", []), (b"x-content-type-options", b"nosniff")]
                message = {**message, "headers": headers}
            await send(message)

        headers = dict(scope["headers"])
        incoming = _Incoming(receive, waits=b"expect" in headers)
        try:
            _check_headers([name for name, _ in scope["headers"]])
            if self.hosts is not None:
                check_hosts(headers, self.hosts)
            self._authorise(scope["path"], headers)
            body = await self._body(headers, incoming)
        except ServiceError as error:
            await incoming.discard()
            if incoming.unread:
                error.headers["Connection"] = "close"
            await error.response()(scope, receive, respond)
            return
        if body is not None:
            await self._run_while_connected(scope, body, receive, respond)

    def _authorise(self, path: str, headers: Mapping[bytes, bytes]) -> None:
        if self.token is None or path in self.open_paths:
            return
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(token.strip(), self.token.encode()):
            message = "the token is missing or wrong. Fix: send the header 'Authorization: Bearer TOKEN'"
            raise ServiceError(401, "unauthorised", message, {"WWW-Authenticate": "Bearer"})

    async def _body(self, headers: Mapping[bytes, bytes], incoming: _Incoming) -> bytes | None:
        """The whole body; ``None`` if the client has disconnected."""
        limit = self.limits.body
        why = f"the body is too large; expected at most {limit} bytes. Fix: send several requests"
        too_large = ServiceError(413, "too_large", why, {"Connection": "close"})
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:20]) > limit:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self.limits.seconds):
                while incoming.unread:
                    body += await incoming.read()
                    if incoming.disconnected:
                        return None
                    if len(body) > limit:
                        raise too_large
        except TimeoutError:
            incoming.waits = True  # no more time for it
            why = f"the body was not received within {self.limits.seconds:g} s"
            raise ServiceError(408, "too_slow", why, {"Connection": "close"}) from None
        return bytes(body)

    async def _run_while_connected(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        disconnected = asyncio.ensure_future(receive())  # after the body, the only message is a disconnect
        first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return first.pop() if first else await asyncio.shield(disconnected)

        work = asyncio.ensure_future(self.app(scope, replay, send))
        try:
            await asyncio.wait({work, disconnected}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            disconnected.cancel()
            work.cancel()  # changes nothing if it is done
        await asyncio.wait({work})
        if not work.cancelled():
            work.result()  # raises its error
