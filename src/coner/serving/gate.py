"""What every request passes before the application sees it: its token, its size, its time; and whether it is still
wanted. Measures the answer on its way out.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coner.serving.problem import Problem
from coner.serving.settings import Limits

HEADERS = [(b"x-content-type-options", b"nosniff")]


class Gate:
    """Wraps an application.

    Args:
        app: sees a request once its whole body is there.
        limits: of bytes, and of the seconds that a body may take.
        token: that a request has to carry, if any.
        open_paths: need no token.
        measured: is told path, status and seconds of every answer.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: Limits,
        token: str | None,
        open_paths: frozenset[str],
        measured: Callable[[str, int, float], None],
    ) -> None:
        self._app, self._limits, self._open_paths, self._measured = app, limits, open_paths, measured
        self._token = None if token is None else token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; lifespan events go through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.monotonic()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._measured(scope["path"], message["status"], time.monotonic() - start)
                message = {**message, "headers": [*message.get("headers", []), *HEADERS]}
            await send(message)

        try:
            headers: Mapping[bytes, bytes] = dict(scope["headers"])
            self._authorise(scope["path"], headers)
            body = await self._body(headers, receive)
        except Problem as problem:
            await problem.response()(scope, receive, answer)
            return
        if body is not None:
            await self._while_wanted(scope, body, receive, answer)

    def _authorise(self, path: str, headers: Mapping[bytes, bytes]) -> None:
        if self._token is None or path in self._open_paths:
            return
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token):
            message = "a token is needed: send the header 'Authorization: Bearer TOKEN'"
            raise Problem(401, "unauthorised", message, {"WWW-Authenticate": "Bearer"})

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes | None:
        """The whole body; ``None`` where the client has gone."""
        largest = self._limits.body
        told = headers.get(b"content-length", b"")
        if told.isdigit() and int(told[:20]) > largest:
            raise _too_large(largest)
        body, more = bytearray(), True
        try:
            async with asyncio.timeout(self._limits.seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > largest:
                        raise _too_large(largest)
        except TimeoutError:
            why = f"the body was not there after {self._limits.seconds:g} s"
            raise Problem(408, "too_slow", why, {"Connection": "close"}) from None
        return bytes(body)

    async def _while_wanted(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        """Run the application, and cancel it when the client hangs up."""
        gone = asyncio.ensure_future(receive())  # behind the body there is nothing else to come
        first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return first.pop() if first else await asyncio.shield(gone)

        work = asyncio.ensure_future(self._app(scope, replay, send))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
            await asyncio.wait({work})
        finally:
            gone.cancel()
            work.cancel()
        if not work.cancelled() and (error := work.exception()) is not None:
            raise error


def _too_large(largest: int) -> Problem:
    return Problem(413, "too_large", f"the body has more than {largest} bytes; send several requests")
