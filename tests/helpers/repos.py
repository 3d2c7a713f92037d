"""A fake of the hub for model repositories, on this machine.

It implements the part of the API that the real client uses: commits, with large files uploaded separately (git-lfs),
branches, trees, files by revision, private and gated repositories, a token.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from helpers.loopback import http_server

TOKEN = "hf_of_the_test_only"
LARGE = (".safetensors", ".npz", ".onnx")


class HubError(Exception):
    """A response that is not a success: status, and the error code of the hub."""

    def __init__(self, status: int, code: str = "", message: str = "no", url: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.url = status, code, url


@dataclass
class Repo:
    """A repository: branches point to commits, and a commit has files by path."""

    private: bool = False
    gated: bool = False
    branches: dict[str, str] = field(default_factory=lambda: {"main": "0" * 40})
    commits: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"0" * 40: {}})

    def commit(self, branch: str, changes: dict[str, bytes]) -> str:
        files = {**self.commits[self.branches[branch]], **changes}
        listed = [self.branches[branch], *(f"{n} {hashlib.sha1(c).hexdigest()}" for n, c in sorted(files.items()))]
        sha = hashlib.sha1("\n".join(listed).encode()).hexdigest()
        self.commits[sha], self.branches[branch] = files, sha
        return sha

    def at(self, revision: str) -> str:
        sha = self.branches.get(revision, revision)
        if sha not in self.commits:
            raise HubError(404, "RevisionNotFound")
        return sha


@dataclass
class FakeHub:
    """All repositories, and the requests received (``METHOD path``)."""

    url: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    lfs_objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def open(self, name: str, token: str | None) -> Repo:
        repo = self.repos.get(name)
        if repo is None or (repo.private and token != TOKEN):
            raise HubError(404 if token == TOKEN else 401, "RepoNotFound")
        return repo

    def read(self, path: str, token: str | None) -> Any:
        """The response to GET: a JSON object, or the content of a file with its commit."""
        if path.startswith("/api/models/"):
            owner, name, *rest = path.removeprefix("/api/models/").split("/")
            repo = self.open(f"{owner}/{name}", token)
            sha = repo.at("/".join(rest[1:]) or "main")
            if rest and rest[0] == "tree":
                return [_entry(name, content) for name, content in repo.commits[sha].items()]
            siblings = [{"rfilename": name} for name in repo.commits[sha]]
            return {"id": f"{owner}/{name}", "sha": sha, "private": repo.private, "siblings": siblings}
        if path.count("/") < 5:
            raise HubError(404)
        owner, name, _, revision, file = path.removeprefix("/").split("/", 4)
        repo = self.open(f"{owner}/{name}", token)
        if repo.gated:
            raise HubError(403, "GatedRepo")
        sha = repo.at(revision)
        if file not in repo.commits[sha]:
            raise HubError(404, "EntryNotFound")
        return repo.commits[sha][file], sha

    def write(self, path: str, body: bytes, token: str | None) -> Any:
        """The response to POST."""
        if token != TOKEN:
            raise HubError(401, message="Invalid username or password.")
        if path == "/api/validate-yaml":
            return _validate(json.loads(body)["content"])
        if path == "/api/repos/create":
            values = json.loads(body)
            name = f"{values['organization']}/{values['name']}"
            if name in self.repos:
                raise HubError(409, url=f"{self.url}/{name}")
            self.repos[name] = Repo(private=values.get("visibility") == "private")
            return {"url": f"{self.url}/{name}", "id": name}
        if path.endswith(".git/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            return {"objects": [{**o, "actions": {"upload": {"href": f"{self.url}/lfs/{o['oid']}"}}} for o in objects]}
        owner, name, verb, *rest = path.removeprefix("/api/models/").split("/")
        repo, branch = self.open(f"{owner}/{name}", token), "/".join(rest)
        if verb == "branch":
            if branch in repo.branches:
                raise HubError(409)
            repo.branches[branch] = repo.branches["main"]
            return {}
        if branch not in repo.branches:
            raise HubError(404, "RevisionNotFound")
        if verb == "preupload":
            mode = {"shouldIgnore": False}
            files = json.loads(body)["files"]
            return {
                "files": [
                    {**mode, "path": f["path"], "uploadMode": "lfs" if f["path"].endswith(LARGE) else "regular"}
                    for f in files
                ]
            }
        sha = repo.commit(branch, self._changes(body))
        return {"commitUrl": f"{self.url}/{owner}/{name}/commit/{sha}", "commitOid": sha}

    def _changes(self, body: bytes) -> dict[str, bytes]:
        changes = {}
        for item in map(json.loads, body.splitlines()):
            value = item["value"]
            if item["key"] == "file":
                changes[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                changes[value["path"]] = self.lfs_objects[value["oid"]]
        return changes


def _entry(name: str, content: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": blob}
    if name.endswith(LARGE):
        entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
    return entry


def _validate(readme: str) -> dict[str, Any]:
    """Validate the front matter as the hub does: YAML, with names and values in the model index."""
    try:
        front = yaml.safe_load(readme.split("---\n")[1])
        for model in front.get("model-index", []):
            for result in model["results"]:
                assert result["task"]["type"]
                assert result["dataset"]["type"]
                assert result["dataset"]["name"]
                assert all(isinstance(metric["value"], float | int) for metric in result["metrics"])
    except (yaml.YAMLError, IndexError, KeyError, AssertionError) as error:
        raise HubError(400, message=str(error)) from None
    return {"errors": [], "warnings": []}


@contextmanager
def serve() -> Iterator[FakeHub]:
    """Run the hub at ``hub.url`` until the block ends."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._respond(hub.read)

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            body = self._body()
            self._respond(lambda path, token: hub.write(path, body, token))

        def do_PUT(self) -> None:
            body = self._body()
            self._respond(lambda path, token: hub.lfs_objects.update({path.rpartition("/")[2]: body}) or {})

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            return b"".join(parts)

        def _respond(self, answer: Any) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.requests.append(f"{self.command} {path}")
            token = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
            try:
                result = answer(path, token)
            except HubError as error:
                headers = {"X-Error-Code": error.code} if error.code else {}
                self._answer(error.status, json.dumps({"error": str(error), "url": error.url}).encode(), headers)
                return
            if isinstance(result, tuple):
                content, sha = result
                etag = hashlib.sha256(content).hexdigest()
                self._answer(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": sha})
            else:
                self._answer(200, json.dumps(result).encode(), {"Content-Type": "application/json"})

        def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the output of the test clean."""

    with http_server(Handler) as hub.url:
        yield hub
