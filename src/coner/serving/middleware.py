"""Checks that every request passes before the application sees it."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coner.serving.errors import ServiceError
from coner.serving.settings import Limits


@dataclass(frozen=True, eq=False, repr=False)
class RequestGuard:
    """Checks token, body size and time, and cancels a request whose client has disconnected."""

    app: ASGIApp  # gets a request once its whole body is there
    limits: Limits
    token: str | None  # that a request must carry; no repr shows it
    open_paths: frozenset[str]  # need no token
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

        try:
            headers = dict(scope["headers"])
            self._authorise(scope["path"], headers)
            body = await self._body(headers, receive)
        except ServiceError as error:
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

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes | None:
        """The whole body; ``None`` if the client has disconnected."""
        limit = self.limits.body
        why = f"the body is too large; expected at most {limit} bytes. Fix: send several requests"
        too_large = ServiceError(413, "too_large", why)
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:20]) > limit:
            raise too_large
        body, more = bytearray(), True
        try:
            async with asyncio.timeout(self.limits.seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > limit:
                        raise too_large
        except TimeoutError:
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
