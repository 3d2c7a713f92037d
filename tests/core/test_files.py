"""Atomic writing, and reading of bytes and lines."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from coner.core.errors import DataError, OutputError
from coner.core.files import as_text, atomic_write, sha256
from coner.core.lines import Lines
from coner.core.opening import BLOCK, read_bytes
from coner.core.progress import Log


def test_a_name_of_bzip2_is_refused_for_output(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"a\.txt\.bz2: got a \.bz2 name; bzip2 is only read"),
        atomic_write(tmp_path / "a.txt.bz2"),
    ):
        pass


@pytest.mark.parametrize("name", ["a.txt", "a.gz"])
def test_text_is_written_verbatim_without_leftovers(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for text in ("first", "a\r\nb\x85c\u2028d\n"):
        with atomic_write(path) as handle:
            handle.write(text)
        assert read_bytes(path).decode() == text
    assert list(tmp_path.iterdir()) == [path]


def test_equal_content_compresses_to_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        with atomic_write(tmp_path / name, "wb") as handle:
            handle.write(b"x" * 100)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == b"x" * 100


@pytest.mark.parametrize("name", ["a.txt", "a.gz"])
@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_only(tmp_path: Path, name: str, fault: type[BaseException]) -> None:
    path = tmp_path / name
    path.write_text("old")
    with pytest.raises(fault), atomic_write(path) as handle:
        handle.write("new" * BLOCK)
        raise fault
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with atomic_write(tmp_path / "link") as handle:
        handle.write("x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "x"


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs /dev/stdout")
def test_a_pipe_is_written_directly_whatever_its_name() -> None:
    code = "from coner.core.files import atomic_write\nwith atomic_write('/dev/stdout') as handle: handle.write('é')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == "é".encode()


def test_error_of_an_unwritable_path_is_one_line(tmp_path: Path) -> None:
    for path, what in ((tmp_path, "is a folder"), (tmp_path / "no" / "file", "does not exist")):
        with pytest.raises(OutputError, match=what) as caught, atomic_write(path):
            pass
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("size", [1, 3 * BLOCK])
def test_error_of_a_full_disk_is_one_line(size: int) -> None:
    with pytest.raises(OutputError, match="no space left"), atomic_write("/dev/full") as handle:
        handle.write("x" * size)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root ignores permissions")
def test_error_of_missing_permission_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="permission denied"), atomic_write(tmp_path / "x"):
        pass


def test_an_error_in_the_block_is_not_reported_as_a_write_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "x"):
        (tmp_path / "missing").read_text()


@given(content=st.binary(max_size=60).filter(lambda b: b"\0" not in b and b[:2] != b"\x1f\x8b"))
def test_only_line_feeds_end_lines(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    assume(b"\n" in content or b"\r" not in content)  # a carriage return alone is refused
    path = tmp_path_factory.getbasetemp() / "lines"
    path.write_bytes(content)
    faults: list[tuple[int, str]] = []
    lines = Lines(path, lambda line, message: faults.append((line, message)))
    expected = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert list(lines) == [line.removesuffix(b"\r").decode("utf-8", "replace") for line in expected]
    assert [line for line, _ in faults] == [i for i, line in enumerate(expected, 1) if not _is_utf8(line)]


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("lengths", [[BLOCK - 1], [BLOCK, BLOCK], [3 * BLOCK, 1], [BLOCK // 2] * 5, [1] * 10])
@pytest.mark.parametrize("final", [b"", b"\n"])
def test_lines_longer_than_a_block_are_complete(tmp_path: Path, lengths: list[int], final: bytes) -> None:
    path = tmp_path / "long"
    rows = ["é" * (length // 2) + "x" * (length % 2) for length in lengths]
    path.write_bytes("\r\n".join(rows).encode() + final)
    lines = Lines(path)
    assert list(lines) == rows
    assert lines.final_newline == bool(final)


def test_byte_order_mark_and_line_ends_are_recorded(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb")
    lines = Lines(path)
    assert list(lines) == ["a", "b"]
    assert (lines.bom, lines.newline, lines.final_newline) == (True, "\r\n", False)


def test_invalid_utf8_is_reported_with_line_and_byte(tmp_path: Path) -> None:
    path = tmp_path / "latin"
    path.write_bytes(b"ok\n" * 400_000 + b"caf\xe9\n")
    with pytest.raises(DataError, match=r"latin:400001: byte 4 of the line is 0xe9, which is not UTF-8.*--repair"):
        list(Lines(path))


def test_error_of_a_file_that_is_not_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"a\nb\0")
    (tmp_path / "utf16").write_bytes("word O".encode("utf-16"))
    (tmp_path / "truncated.gz").write_bytes(gzip.compress(os.urandom(1000))[:500])
    (tmp_path / "damaged.gz").write_bytes(gzip.compress(b"hello" * 100)[:20] + b"\xff" * 30)
    for name, what in {
        "missing": "no such file",
        ".": "is a folder",
        "binary": "binary:2: contains a zero byte",
        "utf16": "UTF-16",
        "truncated.gz": "cannot be read",
        "damaged.gz": "cannot be read",
    }.items():
        with pytest.raises(DataError, match=what) as caught:
            list(Lines(tmp_path / name))
        assert "\n" not in str(caught.value)


def test_a_zero_byte_anywhere_is_an_error(tmp_path: Path) -> None:
    for last in (b"b\0b\n", b"\0" * 5000, b"x" * 3 * BLOCK + b"\0"):
        (tmp_path / "x").write_bytes(b"good line\n" * 30_000 + last)
        with pytest.raises(DataError, match=r"x:30001: contains a zero byte: a damaged file; copy it again"):
            list(Lines(tmp_path / "x", lambda *_: None))


def test_gzip_is_detected_by_content_and_a_dash_is_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = gzip.compress(b"one\ntwo\n")
    (tmp_path / "plain.txt").write_bytes(packed)
    assert list(Lines(tmp_path / "plain.txt")) == ["one", "two"]
    for content in (packed, b"one\ntwo\n"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert list(Lines("-")) == ["one", "two"]


def test_hash_of_the_bytes_on_disk(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"x"))
    assert sha256(tmp_path / "x.gz") == hashlib.sha256((tmp_path / "x.gz").read_bytes()).hexdigest()
    with pytest.raises(DataError):
        sha256(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="names of files are text")
def test_a_name_that_is_not_utf_8_is_written_as_escapes(tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff.conll")
    with atomic_write(tmp_path / "x.html") as handle:
        handle.write(f"<h1>{name}</h1>")
    assert (tmp_path / "x.html").read_text(encoding="utf-8") == r"<h1>a\udcff.conll</h1>"
    with Log(tmp_path / "log.txt") as log:
        log(name)
    assert (tmp_path / "log.txt").read_text(encoding="utf-8") == "a\\udcff.conll\n"
    assert as_text(Path(name)) == r"a\udcff.conll"
