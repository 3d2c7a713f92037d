"""Bounds on lines, sentences, whole files and compressed content; files that are none are refused at once."""

from __future__ import annotations

import bz2
import gzip
import os
import resource
import socket
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from coner.core.bounds import bound
from coner.core.errors import ConfigError, DataError
from coner.core.files import sha256
from coner.core.lines import Lines
from coner.core.opening import open_bytes
from coner.data import read
from coner.data.reading.words import split_words

MIB = 1 << 20
LONG = b"a" * (2 * MIB)
BOMB = gzip.compress(b"a" * (20 * MIB), 1)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds of 1 MiB."""
    monkeypatch.setenv("CONER_MAX_LINE_MIB", "1")
    monkeypatch.setenv("CONER_MAX_FILE_MIB", "1")


CASES: dict[str, tuple[str, bytes, str, str]] = {  # name of the file, content, format, message
    "text": ("a.txt", b"one\n" + LONG + b"\n", "text", "a.txt:2: got a line of more than 1 MiB"),
    "no line end": ("a.txt", LONG, "text", "a.txt:1: got a line of more than 1 MiB"),
    "gzip": ("a.txt.gz", gzip.compress(b"one\ntwo\n" + LONG), "text", "a.txt.gz:3: got a line of more than 1 MiB"),
    "jsonl": ("a.jsonl", b'{"text": "' + LONG + b'"}\n', "jsonl", "a.jsonl:1: got a line of more than 1 MiB"),
    "csv": ("a.csv", b"word,tag\n" + LONG + b",O\n", "csv", "a.csv:2: got a line of more than 1 MiB"),
    "conllu": ("a.conllu", b"# x\n1\t" + LONG + b"\n", "conllu", "a.conllu:2: got a line of more than 1 MiB"),
    "one sentence": (
        "a.conll",
        b"a O\n" * (MIB // 2),
        "conll",
        "got lines without the end of a sentence of more than 1 MiB",
    ),
    "json": ("a.json", b'[{"text": "' + LONG + b'"}]', "json", "a.json: got more than 1 MiB, to be read whole"),
    "label studio": ("a.json", b'[{"x": "' + LONG + b'"}]', "labelstudio", "got more than 1 MiB, to be read whole"),
    "spacy": ("a.spacy", zlib.compress(LONG), "spacy", "a.spacy: got more than 1 MiB, to be read whole"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_beyond_a_bound_is_an_error_with_its_place(small: None, tmp_path: Path, case: str) -> None:
    name, content, format, message = CASES[case]
    if format == "spacy":
        pytest.importorskip("spacy")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as error:
        read(tmp_path / name, format=format)
    assert message in str(error.value)
    assert "raise CONER_MAX_" in str(error.value)


def test_a_document_of_brat_is_bounded(small: None, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(LONG)
    (tmp_path / "a.ann").write_bytes(b"")
    with pytest.raises(DataError, match=r"a\.txt: got more than 1 MiB, to be read whole"):
        read(tmp_path, format="brat")


def test_bzip2_is_read_in_every_format_and_bounded(tmp_path: Path) -> None:
    packed = tmp_path / "a.conll.bz2"
    packed.write_bytes(bz2.compress(b"one O\n\n") + bz2.compress(b"two O\n"))  # two streams, as pbzip2 writes them
    assert [sentence.words for sentence in read(packed)] == [("one",), ("two",)]
    packed.write_bytes(bz2.compress(b"a" * (20 * MIB)))
    with pytest.raises(DataError, match="expected at most 100 times as many"):
        read(packed, format="text")


@pytest.mark.parametrize("fault", [0, 4, 20, -3])
def test_a_damaged_stream_of_bzip2_is_an_error_and_not_the_end(tmp_path: Path, fault: int) -> None:
    first, second = bz2.compress(b"one O\n\n"), bytearray(bz2.compress(b"two O\n\n"))
    second[fault] ^= 1
    (tmp_path / "a.conll.bz2").write_bytes(first + second)
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "a.conll.bz2", format="conll")


def test_a_text_that_begins_like_bzip2_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"BZh9 is a mark\n")
    assert [sentence.words for sentence in read(tmp_path / "a.txt")] == [("BZh9", "is", "a", "mark")]


def test_any_number_of_sentences_is_not_a_long_sentence(small: None, tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_bytes(b"a O\nb B-X\n\n" * 120_000)
    assert sum(1 for _ in Lines(tmp_path / "a.conll")) == 360_000
    assert len(read(tmp_path / "a.conll", format="conll")) == 120_000


def test_damage_far_into_a_file_of_columns_is_not_its_end(tmp_path: Path) -> None:
    """Behind the lines from which the columns are found, too."""
    content = gzip.compress(b"".join(b"word%d O\n\n" % number for number in range(100_000)))
    (tmp_path / "a.conll.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"a\.conll\.gz: cannot be read"):
        read(tmp_path / "a.conll.gz")


def test_a_bound_can_be_raised(small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_bytes(LONG)
    monkeypatch.setenv("CONER_MAX_LINE_MIB", "2")
    assert [len(sentence) for sentence in read(tmp_path / "a.txt", format="text")] == [1]


@pytest.mark.parametrize("value", ["0", "-1", "x", "1e9", "9" * 5000, "٣"])
def test_a_bound_is_a_whole_number(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CONER_MAX_RATIO", value)
    with pytest.raises(ConfigError, match=r"CONER_MAX_RATIO: got .*; expected a whole number"):
        bound("CONER_MAX_RATIO")


@pytest.mark.parametrize("format", ["text", "json", "conll", "jsonl", "csv"])
def test_gzip_that_unpacks_to_far_more_is_refused(tmp_path: Path, format: str) -> None:
    (tmp_path / "a.gz").write_bytes(BOMB)
    with pytest.raises(DataError, match=r"a\.gz: got 1\d MiB of content from \d+ compressed bytes; .*CONER_MAX_RATIO"):
        read(tmp_path / "a.gz", format=format)


def special(folder: Path) -> dict[str, Path]:
    """Files that may never end, or are none."""
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(folder / "socket"))
    return {name: folder / name for name in ("pipe", "link", "socket")} | {"zero": Path("/dev/zero"), "folder": folder}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the devices of Linux")
@pytest.mark.parametrize("act", [open_bytes, sha256, lambda path: list(Lines(path))])
def test_special_files_are_refused_at_once(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, act: Callable[[Path], object]
) -> None:
    folder = tmp_path_factory.mktemp("x")
    monkeypatch.chdir(folder)  # names of sockets are short
    for path in special(Path()).values():
        with pytest.raises(DataError, match="expected a file"):
            act(path)


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="needs /dev/fd")
def test_a_pipe_of_the_shell_is_read() -> None:
    code = "import sys; from coner.data import read; print(len(read(sys.argv[1], format='text')))"
    command = f"{sys.executable} -c \"{code}\" <(printf 'a b\\nc\\n')"
    shown = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert shown.stdout == "2\n"


def test_one_long_word_takes_little_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for word in ("a" * 5_000_000, "\u0301" * 1_000_000, "a\u0301" * 500_000, "a-b" * 300_000, "1,1" * 300_000):
        assert split_words(word) == ((0, len(word)),)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024  # MiB
    assert grown < 100  # 350 before
