"""A knowledge base on a server knows what its folder knows. The server is a stand-in, the client a real one."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("opensearchpy", reason="opensearch-py is not installed")

from hypothesis import given
from hypothesis import strategies as st

import coner
from coner.cli.app import run
from coner.core.errors import ConfigError, ModelError
from coner.core.types import Entity, Sentence
from coner.data import write_conll
from coner.knowledge import load
from coner.knowledge.build import BuildSettings, build
from coner.knowledge.folder import FolderKnowledge
from coner.knowledge.leaks import find_leak
from coner.knowledge.mentions import text_number
from coner.knowledge.opensearch import OpenSearchKnowledge, connect, upload
from helpers import SAMPLE
from helpers.opensearch_server import Indices, opensearch_server

TABLE = """name,aliases,types,description,prior
Miles Davis,Davis|Miles Dewey Davis III,Artist,American trumpeter,120
Davis,,HumanSettlement,city in California,40
Rhône,,OtherLOC|HumanSettlement,river,9
東京,Tokyo,HumanSettlement,capital of Japan,300
nothing,,,,
"""
WORDS = ["miles", "Davis", "dewey", "III", "rhone", "Rhône", "the", ",", "東", "京", "Tokyo", "nothing", ""]
Pair = tuple[FolderKnowledge, OpenSearchKnowledge, Indices, str]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    root = tmp_path_factory.mktemp("kb")
    (root / "names.csv").write_text(TABLE, encoding="utf-8")
    build([root / "names.csv"], root / "kb", BuildSettings())
    folder = load(root / "kb")
    with opensearch_server() as (address, indices):
        assert list(upload(folder, connect(address), "names"))[-1] == folder.description.names
        yield folder, OpenSearchKnowledge(connect(address), "names"), indices, address


@given(st.lists(st.sampled_from(WORDS), max_size=9))
def test_matches_are_those_of_the_folder(pair: Pair, words: list[str]) -> None:
    folder, server, *_ = pair
    assert server.match(words) == folder.match(words)


@pytest.mark.parametrize("name", ["davis", "MILES DAVIS", "tokyo", "東京", "nothing", "unknown", ","])
def test_candidates_are_those_of_the_folder(pair: Pair, name: str) -> None:
    folder, server, *_ = pair
    assert server.lookup(name) == folder.lookup(name)
    assert server.lookup(name, 1) == folder.lookup(name, 1)
    for match in server.match(name.split()):
        assert server.candidates(match) == folder.candidates(match)


def test_upload_command(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _, _, address = pair
    options = ["--server", address, "--index", "by-command"]
    assert run(["kb", "upload", str(folder.folder), *options]) == 0
    assert capsys.readouterr().out == f"by-command: {folder.description.names} names, hash {folder.hash}\n"
    assert OpenSearchKnowledge(connect(address), "by-command").lookup("davis") == folder.lookup("davis")
    assert run(["kb", "upload", str(folder.folder), "--to", address, *options[2:]]) == 2  # the former name
    assert "'by-command' exists" in capsys.readouterr().err
    assert run(["kb", "upload", str(folder.folder), "--index", "other"]) == 2
    assert "--server: not set" in capsys.readouterr().err


def test_the_whole_is_described_as_the_folder_is(pair: Pair) -> None:
    folder, server, *_ = pair
    assert (server.hash, server.types(), server.shared([1])) == (folder.hash, folder.types(), {})


def test_a_down_weighted_one_has_the_weights_and_sentences_of_the_folder(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text(TABLE, encoding="utf-8")
    common = [Sentence((word, "said", "so"), ()) for word in ("davis", "Davis", "DAVIS", "Rhône", "the") for _ in "ab"]
    sentences = [*common, Sentence(("Davis",), (Entity(0, 1, "Artist"),))]
    with (tmp_path / "train.conll").open("w", encoding="utf-8") as handle:
        write_conll(sentences, handle)
    build([tmp_path / "names.csv"], tmp_path / "kb", BuildSettings(), tmp_path / "train.conll")
    folder, address = load(tmp_path / "kb"), pair[3]
    assert list(upload(folder, connect(address), "damped"))[-1] == folder.description.names
    server = load(f"{address}/damped")
    assert isinstance(server, OpenSearchKnowledge)
    matches = server.match(WORDS)
    assert matches == folder.match(WORDS)
    assert [match.share for match in matches if match.start == 1] == [pytest.approx((7 - 6 + 1) / (7 + 1))]
    texts = [*map(text_number, sentences), 1]
    assert server.shared(texts) == folder.shared(texts) == {"train.conll": 4}
    assert server.shared([1]) == folder.shared([1]) == server.shared([]) == {}
    assert find_leak(server, sentences[:1]) == find_leak(folder, sentences[:1]) is not None
    assert find_leak(server, [Sentence(("new",))]) is None


def test_known_names_are_not_asked_for_again(pair: Pair) -> None:
    _, _, indices, address = pair
    server = OpenSearchKnowledge(connect(address), "names")
    words = ["miles", "davis", "of", "tokyo"]
    server.match(words)
    asked = len(indices.requests)
    assert server.match(words)
    assert len(indices.requests) == asked


def test_an_existing_index_is_not_overwritten(pair: Pair) -> None:
    folder, _, _, address = pair
    with pytest.raises(ConfigError, match="--index: 'names' exists"):
        list(upload(folder, connect(address), "names"))


def test_an_interrupted_upload_is_not_a_knowledge_base(pair: Pair) -> None:
    folder, _, _, address = pair
    loading = upload(folder, connect(address), "part")
    next(loading)
    loading.close()
    with pytest.raises(ModelError, match="index 'part': holds no complete knowledge base"):
        OpenSearchKnowledge(connect(address), "part")


def test_labelled_sources_are_refused(tmp_path: Path, pair: Pair) -> None:
    (tmp_path / "train.conll").write_text("basel B-City\nis O\n", encoding="utf-8")
    build([tmp_path / "train.conll"], tmp_path / "kb", BuildSettings())
    with pytest.raises(ConfigError, match="got labelled sources, whose mentions a server cannot leave out"):
        list(upload(load(tmp_path / "kb"), connect(pair[3]), "labelled"))


@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_refusal_of_the_server_is_one_line(pair: Pair, status: int) -> None:
    _, _, indices, address = pair
    server = OpenSearchKnowledge(connect(address), "names")
    indices.fail = status
    try:
        with pytest.raises(ModelError, match=r"OpenSearch on 127\.0\.0\.1: .*Fix: check address and index"):
            server.match(["miles", "davis"])
    finally:
        indices.fail = None


def test_a_document_of_another_kind_is_one_line(pair: Pair) -> None:
    _, _, indices, address = pair
    indices.documents["odd"] = {"about": indices.documents["names"]["about"], "1": {"key": "davis", "value": {"x": 1}}}
    with pytest.raises(ModelError, match="OpenSearch on"):
        OpenSearchKnowledge(connect(address), "odd").match(["davis"])


@pytest.mark.parametrize("address", ["localhost", "file:///etc", "http://user:secret@host", "http://a b"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="expected an address such as"):
        connect(address)


@pytest.mark.parametrize("index", ["_all", "Names", "a/b", "*", ""])
def test_names_that_no_index_has_are_refused(pair: Pair, index: str) -> None:
    with pytest.raises(ConfigError, match="--index"):
        list(upload(pair[0], connect(pair[3]), index))


def test_a_server_stands_in_for_the_folder_of_a_model(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, server, _, address = pair
    monkeypatch.setenv("OPENSEARCH_USER", "me")
    url, out = f"{address}/names", tmp_path / "run"
    opened = load(url)
    assert isinstance(opened, OpenSearchKnowledge)
    assert (opened.hash, opened.match(["miles", "davis"])) == (folder.hash, folder.match(["miles", "davis"]))
    settings = ["--set", "crf.clusters=[]", "--set", "crf.max_iterations=2", "--set", "data.take=60", "--family", "crf"]
    data = [str(SAMPLE / "train.conll"), "--dev", str(SAMPLE / "dev.conll")]
    assert run(["train", *data, *settings, "--kb", str(folder.folder), "--out", str(out)]) == 0
    sentences = coner.read(SAMPLE / "dev.conll").sentences
    tagged = [coner.load(out, kb=kb).tag(sentences) for kb in (folder.folder, folder, url, server)]
    assert tagged[0] == tagged[1] == tagged[2] == tagged[3]
    linked = coner.load(out, kb=server, link=True)
    assert linked.names is server
    files = [str(tmp_path / name) for name in ("a.conll", "b.conll")]
    for file, kb in zip(files, (str(folder.folder), url), strict=True):
        assert run(["tag", str(out), str(SAMPLE / "dev.conll"), "--kb", kb, "-o", file]) == 0
        assert run(["compare", str(out), "--kb", kb, "--html", f"{file}.html"]) == 0
    assert Path(files[0]).read_bytes() == Path(files[1]).read_bytes()
    assert Path(f"{files[0]}.html").read_bytes() == Path(f"{files[1]}.html").read_bytes()
    with pytest.raises(ConfigError, match="expected server and index"):
        load(address)


@pytest.mark.parametrize(
    "change",
    [
        {"candidates": [{"name": "x"}]},
        {"candidates": 21},
        {"types": {"Artist": -1.0}},
        {"share": 2.0},
        {"prior": "many"},
    ],
)
def test_a_malformed_answer_is_one_error(pair: Pair, change: dict[str, Any]) -> None:
    _, _, indices, address = pair
    document = next(document for document in indices.documents["names"].values() if document.get("key") == "davis")
    if change == {"candidates": 21}:
        change = {"candidates": document["value"]["candidates"][:1] * 21}
    indices.documents["broken"] = {
        name: {**each, "value": {**each["value"], **change}} if each is document else each
        for name, each in indices.documents["names"].items()
    }
    with pytest.raises(ModelError, match="Fix: check address and index"):
        OpenSearchKnowledge(connect(address), "broken").lookup("davis")


def test_threads_share_a_cache_that_is_emptied_meanwhile(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _, _, address = pair
    monkeypatch.setattr("coner.knowledge.opensearch.CACHED", 1)
    server = OpenSearchKnowledge(connect(address), "names")
    sentences = [[word, other] for word in WORDS for other in WORDS][:60]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(server.match, sentences)) == [folder.match(words) for words in sentences]


def _bomb(size: int) -> tuple[bytes, dict[str, str]]:
    return gzip.compress(b" " * size, 1), {"Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        (b"[" * 100_000, {}, "recursion"),
        (b'{"_source": "\xff"}', {}, "can't decode"),
        (b'{"_source": {"value": ' + b"9" * 5000 + b"}}", {}, "9999"),
        (b"[]", {}, "list indices"),
        (b" " * (3 << 20), {}, "an answer of more than 1 MiB"),
        (*_bomb(3 << 20), "an answer of more than 1 MiB"),
    ],
)
def test_answers_of_a_hostile_server_are_one_line_in_bounded_memory(
    body: bytes, headers: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            for key, value in {"Content-Type": "application/json", "Content-Length": len(body), **headers}.items():
                self.send_header(key, str(value))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    monkeypatch.setenv("CONER_MAX_LINE_MIB", "1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(ModelError, match=message) as error:
            load(f"http://127.0.0.1:{server.server_port}/names")
        server.shutdown()
    assert "\n" not in str(error.value)
    assert len(asked) == 1 or "MiB" not in message  # a larger answer would be no smaller the second time


def test_a_slow_answer_ends_at_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            with suppress(OSError):
                for _ in range(1000):
                    self.wfile.write(b" ")
                    time.sleep(0.1)

        def log_message(self, *_: object) -> None: ...

    monkeypatch.setattr("coner.knowledge.connection.SECONDS", 0.5)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(ModelError, match=r"got no complete answer in 0\.5 s"):
            load(f"http://127.0.0.1:{server.server_port}/names")
        assert time.monotonic() - began < 5
        server.shutdown()
