"""A knowledge base on an OpenSearch server, to share it between machines, or if it is too large for a disk.

``documents`` says what the server holds.
"""

from __future__ import annotations

import os
import re
import threading
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from coner.core.errors import ConfigError, ModelError, requires_extra
from coner.knowledge.connection import BoundedConnection
from coner.knowledge.documents import ABOUT, CANDIDATES, About, Value, damping_documents, damping_key, documents
from coner.knowledge.entry import Candidate, Match
from coner.knowledge.folder import FolderKnowledge
from coner.knowledge.normalisation import Normaliser
from coner.knowledge.spans import NormalisedWords

with requires_extra("A knowledge base on a server", "opensearch"):
    from opensearchpy import OpenSearch
    from opensearchpy.exceptions import NotFoundError, OpenSearchException
    from opensearchpy.helpers import streaming_bulk

INDEX = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")  # stricter than OpenSearch
MAPPINGS = {
    "dynamic": False,
    "properties": {"key": {"type": "keyword"}, "value": {"type": "object", "enabled": False}},
}
ASKED, CACHED = 1000, 1 << 16  # maximum names per search, and in the cache
TIMEOUT, RETRIES = 30, 3  # seconds; number


Values = dict[str, Value | None]  # by normalised name; ``None``: the index lacks it


def upload(knowledge: FolderKnowledge, client: OpenSearch, index: str) -> Iterator[int]:
    """Load a knowledge base into a new index; yields the number of names so far.

    The description is written last: an index without it is incomplete, and is refused.

    Raises:
        ConfigError: the index exists, or has a name that OpenSearch does not allow; or the knowledge base allows typos,
            or has labelled sources, from which this backend cannot leave out the current sentence.
        ModelError: the server does not answer, or refuses.
    """
    if not INDEX.fullmatch(index):
        raise ConfigError(f"--index: got {index!r}; expected lower-case letters, digits, dots, dashes")
    if knowledge.has_mentions:
        fix = "Fix: build it from tables and dumps only"
        raise ConfigError(f"{knowledge.folder}: got labelled sources, whose mentions a server cannot leave out. {fix}")
    if knowledge.description.edits:
        got = "got one that allows a typo, which the search on a server does not"
        raise ConfigError(f"{knowledge.folder}: {got}. Fix: build it without --edits")
    description = knowledge.description
    about = About(
        hash=knowledge.hash,
        names=description.names,
        longest=description.longest,
        normalisation=description.normalisation,
        types=knowledge.types(),
        simulated=knowledge.simulated,
        damping=description.damping.file if description.damping else "",
    )
    sentences = damping_documents(knowledge.damping_texts())
    with _asking(client):
        if client.indices.exists(index=index):
            raise ConfigError(f"--index: {index!r} exists. Fix: delete it, or choose another name")
        client.indices.create(index=index, body={"mappings": MAPPINGS})
        deque(streaming_bulk(client, sentences, index=index, max_retries=RETRIES), maxlen=0)
        for done, _ in enumerate(streaming_bulk(client, documents(knowledge), index=index, max_retries=RETRIES), 1):
            yield done
        client.index(index=index, id=ABOUT, body={"value": about.model_dump(mode="json")}, refresh=True)


class OpenSearchKnowledge:
    """A knowledge base that ``upload`` has loaded into an index; see ``Knowledge`` for the methods.

    ``ModelError`` if the server does not answer, or the index holds no knowledge base.
    """

    def __init__(self, client: OpenSearch, index: str) -> None:
        self._client, self._index = client, index
        with _asking(client):
            try:
                found = client.get(index=index, id=ABOUT)["_source"]["value"]
            except NotFoundError:
                fix = "Fix: coner kb upload KB --server URL --index NAME"
                raise ModelError(f"index {index!r}: holds no complete knowledge base. {fix}") from None
            self._about = About.model_validate(found)
        self._normalise = Normaliser(self._about.normalisation)
        self._known: Values = {}
        self._lock = threading.Lock()  # of the cache

    @property
    def hash(self) -> str:
        """The hash of the uploaded folder."""
        return self._about.hash

    @property
    def simulated(self) -> bool:
        """Whether it was made from gold mentions."""
        return self._about.simulated

    def match(self, words: Sequence[str], *, leave_out: Collection[int] = ()) -> list[Match]:
        """All names in a sentence, sorted by start and end; ``leave_out`` has no effect without labelled sources."""
        sentence = NormalisedWords.of(words, self._normalise)
        spans = [
            (sentence.words[i], sentence.words[j] + 1, sentence.text[sentence.starts[i] : sentence.ends[j]])
            for i, j in zip(*sentence.windows(self._about.longest), strict=True)
        ]
        known = self._ask({key for *_, key in spans})
        found = [(start, end, known[key]) for start, end, key in spans]
        return [
            Match(start, end, value.alias, value.types, value.entries, value.prior, value.share)
            for start, end, value in found
            if value is not None
        ]

    def shared(self, texts: Collection[int]) -> dict[str, int]:
        """The file by which it is down-weighted, if it has some of these texts: there are no labelled sources."""
        if not self._about.damping:
            return {}
        count = len(self._find([damping_key(text) for text in sorted(set(texts))]))
        return {self._about.damping: count} if count else {}

    def types(self) -> dict[str, int]:
        """The number of entries of each type."""
        return dict(self._about.types)

    def lookup(self, name: str, limit: int = CANDIDATES) -> list[Candidate]:
        """The entries with that name, the likeliest first, at most 20."""
        key = self._normalise(name)
        return _candidates(self._ask({key})[key], limit)

    def candidates(self, match: Match, limit: int = CANDIDATES) -> list[Candidate]:
        """The entries that a match may stand for, the likeliest first, at most 20."""
        with _asking(self._client):
            found = self._client.get(index=self._index, id=str(match.alias))["_source"]["value"]
            return _candidates(Value.model_validate(found), limit)

    def _ask(self, keys: Collection[str]) -> Values:
        """The meanings of these names, from the cache or the server."""
        with self._lock:
            found = {key: self._known[key] for key in keys if key in self._known}
        if not (missing := sorted({*keys} - found.keys())):
            return found
        with _asking(self._client):
            answered = {str(hit["key"]): Value.model_validate(hit["value"]) for hit in self._find(missing)}
        new = {key: answered.get(key) for key in missing}
        with self._lock:
            if len(self._known) + len(new) > CACHED:
                self._known.clear()
            self._known.update(new)
        return {**found, **new}

    def _find(self, keys: Sequence[str]) -> list[dict[str, Any]]:
        """The documents with these keys, each of which has at most one."""
        searches: list[dict[str, Any]] = []
        for first in range(0, len(keys), ASKED):
            some = keys[first : first + ASKED]
            searches += [{}, {"query": {"terms": {"key": some}}, "size": len(some)}]
        with _asking(self._client):
            responses = self._client.msearch(body=searches, index=self._index)["responses"] if keys else []
            return [hit["_source"] for response in responses for hit in response["hits"]["hits"]]


def open_address(address: str) -> OpenSearchKnowledge:
    """The knowledge base at an address, see ``coner.knowledge.load``; ``ConfigError`` for an invalid one."""
    server, _, index = address.rstrip("/").rpartition("/")
    if not INDEX.fullmatch(index) or server.endswith("/"):
        raise ConfigError(f"got {address!r:.200}; expected server and index, such as https://localhost:9200/names")
    user, password = (os.environ.get(f"OPENSEARCH_{name}", "") for name in ("USER", "PASSWORD"))
    return OpenSearchKnowledge(connect(server, user=user, password=password), index)


def connect(address: str, *, user: str = "", password: str = "") -> OpenSearch:
    """A client of a server, such as ``https://localhost:9200``; certificates are checked.

    ``ConfigError`` for an invalid address.
    """
    if not re.fullmatch(r"https?://[^\s/@]+/?", address):
        raise ConfigError(f"got {address!r:.200}; expected an address such as https://localhost:9200")
    options: dict[str, Any] = {"http_auth": (user, password)} if user else {}
    options |= {"connection_class": BoundedConnection, "max_retries": RETRIES, "retry_on_timeout": True}
    return OpenSearch([address.rstrip("/")], timeout=TIMEOUT, **options)


def _candidates(value: Value | None, limit: int) -> list[Candidate]:
    return [] if value is None else [Candidate(**dict(thing)) for thing in value.candidates[:limit]]


@contextmanager
def _asking(client: OpenSearch) -> Iterator[None]:
    """``ModelError`` if the server does not answer, or its answer is an error or malformed."""
    try:
        yield
    except (OpenSearchException, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        hosts = ", ".join(str(host.get("host")) for host in client.transport.hosts)
        raise ModelError(
            f"OpenSearch on {hosts}: {reason or type(error).__name__}. Fix: check address and index"
        ) from None
