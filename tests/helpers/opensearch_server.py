"""A stand-in for an OpenSearch server: the parts of its HTTP interface that a knowledge base uses, in memory.

It answers like the published interface of OpenSearch 3, but it is not one: no analysis, no shards, no limits.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class Indices:
    """What the server holds; ``fail`` makes it answer every request with that status."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []  # method and path
        self.fail: int | None = None

    def answer(self, method: str, path: str, body: str) -> tuple[int, Any]:
        """Status and JSON."""
        self.requests.append(f"{method} {path}")
        if self.fail is not None:
            return self.fail, {"error": {"type": "failure", "reason": "made for a test"}, "status": self.fail}
        index, _, rest = path.strip("/").partition("/")
        lines = [json.loads(line) for line in body.splitlines()]
        if rest.startswith("_doc/"):
            return self._document(index, rest.removeprefix("_doc/"), lines)
        if rest:
            return 200, {"_bulk": self._bulk, "_msearch": self._msearch}[rest](index, lines)
        if method == "HEAD":
            return (200 if index in self.documents else 404), None
        self.documents[index] = {}
        return 200, {"acknowledged": True, "index": index}

    def _document(self, index: str, name: str, lines: list[Any]) -> tuple[int, Any]:
        if lines:
            [self.documents[index][name]] = lines
            return 201, {"_id": name, "result": "created"}
        if name not in self.documents.get(index, {}):
            return 404, {"_index": index, "_id": name, "found": False}
        return 200, {"_index": index, "_id": name, "found": True, "_source": self.documents[index][name]}

    def _bulk(self, index: str, lines: list[Any]) -> Any:
        items = []
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            self.documents[index][action["index"]["_id"]] = document
            items.append({"index": {"_id": action["index"]["_id"], "status": 201}})
        return {"errors": False, "items": items}

    def _msearch(self, index: str, lines: list[Any]) -> Any:
        responses = []
        for query in lines[1::2]:
            keys, size = query["query"]["terms"]["key"], query["size"]
            found = [document for document in self.documents[index].values() if document.get("key") in keys]
            responses.append({"hits": {"hits": [{"_source": document} for document in found[:size]]}, "status": 200})
        return {"responses": responses}


@contextmanager
def opensearch_server() -> Iterator[tuple[str, Indices]]:
    """Its address, and what it holds."""
    indices = Indices()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            status, answer = indices.answer(self.command, urlsplit(self.path).path, body)
            text = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815 - names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", indices
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
