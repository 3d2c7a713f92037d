"""Requests to an OpenSearch server with bounded answers (also once decompressed) and a time limit."""

from __future__ import annotations

import time
from typing import Any

from coner.core.bounds import line_bytes
from coner.core.errors import requires_extra

with requires_extra("A knowledge base on a server", "opensearch"):
    from opensearchpy import Urllib3HttpConnection
    from opensearchpy.exceptions import ConnectionError as NoConnection

CHUNK, SECONDS = 1 << 16, 120  # bytes; of an answer


class AnswerError(ValueError):
    """An answer is too large, or takes too long."""


class BoundedConnection(Urllib3HttpConnection):
    """A connection that reads an answer of at most ``CONER_MAX_LINE_MIB``; more is an ``AnswerError``."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        ask = self.pool.urlopen

        def urlopen(*request: Any, **options: Any) -> Any:
            response = ask(*request, **{**options, "preload_content": False})
            parts, size, maximum, start = list[bytes](), 0, line_bytes(), time.monotonic()
            try:
                while part := response.read1(CHUNK):  # what has arrived, so that the time is looked at
                    parts.append(part)
                    if (size := size + len(part)) > maximum:
                        raise AnswerError(f"got an answer of more than {maximum >> 20} MiB (CONER_MAX_LINE_MIB)")
                    if time.monotonic() - start > SECONDS:
                        raise AnswerError(f"got no complete answer in {SECONDS} s")
            except BaseException:
                response.close()
                raise
            response._body = b"".join(parts)  # what ``data`` returns
            response.release_conn()
            return response

        self.pool.urlopen = urlopen

    def perform_request(self, *request: Any, **options: Any) -> Any:
        """Send a request; the client would repeat it after an ``AnswerError`` if this were an error of connection."""
        try:
            return super().perform_request(*request, **options)
        except NoConnection as error:
            raise error.info if isinstance(error.info, AnswerError) else error from None
