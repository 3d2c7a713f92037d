"""A stand-in for the hub: its listing and its files over HTTP, on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from helpers.loopback import http_server

REPO = "MultiCoNER/multiconer_v2"
COMMIT = "c" * 40


def blob_name(content: bytes) -> str:
    """The hash that ``git hash-object`` computes."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Hub:
    """What the hub lists, what it sends, and what was requested.

    Attributes:
        files: path to content, as listed.
        sent: path to the content that is sent, where it differs from the listed one.
        bare: paths that are listed without size and hash, as some mirrors do.
        large: paths that are listed as large files, with the SHA-256 of their content.
        status: HTTP status of every response, by path.
        asked: paths of the files whose content was requested.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    sent: dict[str, bytes] = field(default_factory=dict)
    bare: set[str] = field(default_factory=set)
    large: set[str] = field(default_factory=set)
    status: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def listing(self) -> dict[str, object]:
        """As the hub answers for a data set with the metadata of its files."""
        return {"id": REPO, "sha": COMMIT, "siblings": [self._listed(path) for path in self.files]}

    def _listed(self, path: str) -> dict[str, object]:
        content = self.files[path]
        if path in self.bare:
            return {"rfilename": path}
        if path not in self.large:
            return {"rfilename": path, "size": len(content), "blobId": blob_name(content)}
        digest = hashlib.sha256(content).hexdigest()
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n".encode()
        lfs = {"sha256": digest, "size": len(content), "pointerSize": len(pointer)}
        return {"rfilename": path, "size": len(content), "blobId": blob_name(pointer), "lfs": lfs}


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """The hub at ``hub.url``, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            resolve = f"/datasets/{REPO}/resolve/{COMMIT}/"
            if path == f"/api/datasets/{REPO}":
                self._answer(json.dumps(hub.listing()).encode(), hub.status.get("", 200), {})
            elif (file := path.removeprefix(resolve)) in hub.files:
                content = hub.sent.get(file, hub.files[file])
                if self.command == "GET":
                    hub.asked.append(file)
                headers = {"ETag": f'"{blob_name(hub.files[file])}"', "X-Repo-Commit": COMMIT}
                self._answer(content, hub.status.get(file, 200), headers)
            else:
                self._answer(b"", 404, {"X-Error-Code": "EntryNotFound"})  # as the hub does for a missing file

        def do_HEAD(self) -> None:
            self.do_GET()

        def _answer(self, content: bytes, status: int, headers: dict[str, str]) -> None:
            if status >= 400:
                content = b'{"error": "the stand-in says no"}'
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    with http_server(Handler) as hub.url:
        yield hub
