"""An HTTP client that reads no more of a response than fits a bound, and follows no redirect to another server."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import openai

if TYPE_CHECKING:
    import httpx2

MAX_BODY = 16 << 20  # bytes of any response, decompressed
BODY_BASE = 1 << 20  # what a server may send around an answer, and for errors
TOKEN_BYTES = 256  # of JSON for one token: the longest are runs of blanks, and other letters are \uXXXX
MAX_REDIRECTS = 5
PORTS = {"http": 80, "https": 443}
_bound: ContextVar[int] = ContextVar("bound", default=BODY_BASE)


class BodyError(Exception):
    """The body of a response is too large, damaged, or in an encoding that was not asked for."""


class RedirectError(Exception):
    """A redirect to another server, or too many."""


def body_bound(tokens: int) -> int:
    """Bytes of the response to a request for this many tokens."""
    return min(MAX_BODY, BODY_BASE + TOKEN_BYTES * tokens)


@contextmanager
def bound(size: int) -> Iterator[None]:
    """Within the block, and the task that runs it, read at most this many bytes of a response."""
    before = _bound.set(size)
    try:
        yield
    finally:
        _bound.reset(before)


class BoundedClient(openai.DefaultAsyncHttpxClient):
    """The client of httpx with the defaults of openai; ``send`` returns a response whose body has been read.

    httpx itself would read a body of any size, and inflate a chunk of it a thousandfold before anyone can count.

    Raises (by ``send``):
        BodyError: the body exceeds ``bound``, or cannot be decompressed.
        RedirectError: a redirect leads to another scheme, host or port.
    """

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        request.headers["Accept-Encoding"] = "gzip"
        options |= {"stream": True, "follow_redirects": False}
        for _ in range(MAX_REDIRECTS + 1):
            response = await super().send(request, **options)
            try:
                if response.next_request is None:
                    return await _read(response)
                if _server(response.next_request.url) != _server(request.url):
                    place = response.next_request.url.copy_with(query=None, fragment=None)
                    raise RedirectError(f"it redirects to another server: {str(place)[:200]}")
                request = response.next_request
            finally:
                await response.aclose()
        raise RedirectError(f"it redirects more than {MAX_REDIRECTS} times")


def _server(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or PORTS.get(url.scheme)


async def _read(response: httpx2.Response) -> httpx2.Response:
    """The same response with its body, decompressed."""
    limit, body = _bound.get(), bytearray()
    async for block in _decoded(response, limit):
        body += block
        if len(body) > limit:
            raise BodyError(f"its answer has more than {limit:,} bytes")
    headers = [
        (name, value)
        for name, value in response.headers.multi_items()
        if name.lower() not in {"content-encoding", "content-length", "transfer-encoding"}
    ]
    return type(response)(response.status_code, headers=headers, content=bytes(body), request=response.request)


async def _decoded(response: httpx2.Response, limit: int) -> AsyncIterator[bytes]:
    """Blocks of the body; one of them has at most one byte more than ``limit``."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in {"", "identity"}:
        async for block in response.aiter_raw():
            yield block
        return
    if encoding not in {"gzip", "x-gzip"}:
        raise BodyError(f"its answer has the encoding {encoding[:40]!r}; expected gzip or none")
    inflate = zlib.decompressobj(wbits=31)
    try:
        async for block in response.aiter_raw():
            yield inflate.decompress(block, limit + 1)
            if inflate.unconsumed_tail or inflate.eof:
                return
    except zlib.error as error:
        raise BodyError(f"its answer is not valid gzip: {error}") from None
    if not inflate.eof:
        raise BodyError("its answer is not valid gzip: it is cut off")
