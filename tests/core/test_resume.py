"""Resumable outputs: no piece is lost or written twice, and other files are never touched."""

from __future__ import annotations

import errno
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coner.core.errors import DataError, OutputError, Unfinished
from coner.core.resume import Output, file_stamp, resumable_output

DEPENDS_ON = {"input": {"bytes": 3}, "options": ["a", None]}
PIECES = ["é\r\n", "", "two\n", "x" * 5000, "end"]
start = partial(resumable_output, depends_on=DEPENDS_ON)


def write(
    output: Output, pieces: list[str], *, stop: int | None = None, fault: type[BaseException] = MemoryError
) -> int:
    """Write what is not committed yet, with a commit after each piece; fail before the commit of piece ``stop``."""
    begun = output.counts.get("pieces", 0)
    for index in range(begun, len(pieces)):
        output.handle.write(pieces[index])
        if index == stop:
            raise fault
        output.commit({"pieces": index + 1})
    return begun


@settings(max_examples=50, deadline=None)
@given(
    pieces=st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=8),
    stops=st.lists(st.integers(0, 7), max_size=4),
    name=st.sampled_from(["out", "out.gz"]),
    torn=st.binary(max_size=10),
)
def test_stops_do_not_change_the_result(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], stops: list[int], name: str, torn: bytes
) -> None:
    folder = tmp_path_factory.mktemp("work")
    path, kept = folder / name, 0
    for stop in stops:
        if not kept <= stop < len(pieces):
            continue
        with pytest.raises(MemoryError), start(path) as output:
            assert output.counts.get("pieces", 0) == kept
            write(output, pieces, stop=stop)
        kept = stop
        assert {file.name for file in folder.iterdir()} == ({f"{name}.part", f"{name}.part.json"} if kept else set())
        if kept:
            with (folder / f"{name}.part").open("ab") as part:  # written but not committed
                part.write(torn)
    with start(path) as output:
        assert write(output, pieces) == kept
    assert list(folder.iterdir()) == [path]
    content = path.read_bytes()
    assert (gzip.decompress(content) if name == "out.gz" else content) == "".join(pieces).encode()
    with start(folder / f"whole.{name}") as output:
        write(output, pieces)
    assert (folder / f"whole.{name}").read_bytes() == content


def stopped(path: Path, depends_on: dict[str, object] = DEPENDS_ON) -> None:
    with pytest.raises(MemoryError), resumable_output(path, depends_on) as output:
        write(output, PIECES, stop=3)


def finish(path: Path) -> int:
    """Write the rest, check the whole, and return the number of pieces that were committed before."""
    with start(path) as output:
        resumed = write(output, PIECES)
    assert path.read_bytes() == "".join(PIECES).encode()
    return resumed


def test_the_old_file_stays_until_the_output_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "target"
    path.write_text("old")
    (tmp_path / "link").symlink_to(path)
    stopped(tmp_path / "link")
    assert path.read_text() == "old"
    assert finish(tmp_path / "link") == 3
    assert path.read_bytes() == "".join(PIECES).encode()
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("key", DEPENDS_ON)
def test_work_with_other_dependencies_is_discarded(tmp_path: Path, key: str) -> None:
    path = tmp_path / "out"
    stopped(path, {**DEPENDS_ON, key: "other"})
    with start(path) as output:
        assert (output.counts, output.changed) == ({}, [key])
        assert write(output, PIECES) == 0
    assert path.read_bytes() == "".join(PIECES).encode()


def test_work_with_a_dependency_that_is_removed_is_discarded(tmp_path: Path) -> None:
    path = tmp_path / "out"
    stopped(path, {**DEPENDS_ON, "rules": "a"})
    with start(path) as output:
        assert (output.counts, output.changed) == ({}, ["rules"])
        assert write(output, PIECES) == 0
    assert path.read_bytes() == "".join(PIECES).encode()


@pytest.mark.parametrize("harm", [lambda part: part.unlink(), lambda part: part.write_bytes(b"x")])
def test_a_truncated_part_is_discarded(tmp_path: Path, harm: object) -> None:
    path = tmp_path / "out"
    stopped(path)
    assert callable(harm)
    harm(tmp_path / "out.part")
    with start(path) as output:
        assert output.changed == ["length"]
        assert write(output, PIECES) == 0
    assert path.read_bytes() == "".join(PIECES).encode()


def test_ctrl_c_keeps_committed_work(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), start(path) as output:
        write(output, PIECES, stop=0, fault=KeyboardInterrupt)
    assert not list(tmp_path.iterdir())
    with (
        pytest.raises(Unfinished, match="interrupted; progress is saved") as caught,
        start(path) as output,
    ):
        write(output, PIECES, stop=3, fault=KeyboardInterrupt)
    assert caught.value.exit_code == 130
    assert finish(path) == 3


def test_an_error_of_the_input_deletes_the_work(tmp_path: Path) -> None:
    path = tmp_path / "out"
    stopped(path)
    with pytest.raises(DataError), start(path):
        raise DataError("broken", "in", 7)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("full", ["out.part", "out.part.json.new"])
@pytest.mark.parametrize("at", [0, 2])
def test_a_full_disk_keeps_committed_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: str, at: int) -> None:
    path, synced = tmp_path / "out", os.fsync

    def sync(descriptor: int) -> None:
        if (tmp_path / full).exists() and os.path.samestat(os.fstat(descriptor), (tmp_path / full).stat()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        synced(descriptor)

    def write_all() -> None:
        with start(path) as output:
            for index, piece in enumerate(PIECES):
                output.handle.write(piece)
                if index == at:
                    monkeypatch.setattr(os, "fsync", sync)
                output.commit({"pieces": index + 1})

    with pytest.raises(OutputError if at == 0 else Unfinished, match="out: cannot be written: no space") as caught:
        write_all()
    assert caught.value.exit_code == (3 if at else 2)
    monkeypatch.undo()
    assert bool(list(tmp_path.iterdir())) == bool(at)
    assert finish(path) == at
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("name", "content"), [
    *(("out.part", "mine"), ("out.part.json", "{}"), ("out.part.json", "-"), ("out.part.json", "[" * 100_000)),
])  # fmt: skip
def test_a_file_of_the_same_name_is_not_touched(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(OutputError, match=f"{name}: exists already"), start(tmp_path / "out"):
        pass
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, content)]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_a_second_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "out"
    code = (
        "import sys\nfrom coner.core.errors import OutputError\nfrom coner.core.resume import resumable_output\n"
        f"try:\n  with resumable_output(sys.argv[1], {DEPENDS_ON!r}): pass\nexcept OutputError as error: print(error)"
    )
    with start(path) as output:
        output.handle.write("a")
        output.commit({"pieces": 1})
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
        assert f"out: process {os.getpid()} is writing it; wait for it" in done.stdout
        assert json.loads((tmp_path / "out.part.json").read_text())["counts"] == {"pieces": 1}
        output.handle.write("b")
    assert path.read_text() == "ab"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
@pytest.mark.parametrize("fault", [None, DataError("broken", "in", 7)])
def test_a_second_process_is_refused_until_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: DataError | None
) -> None:
    path, refused = tmp_path / "out", []

    def just_before(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(file: Path, *arguments: Any, **options: Any) -> Any:
            if file.name == "out.part" and not refused:
                with (
                    pytest.raises(OutputError, match=r"process \d+ is writing it"),
                    start(path),
                ):
                    pass
                refused.append(file)
            return change(file, *arguments, **options)

        return changed

    monkeypatch.setattr(Path, "replace", just_before(Path.replace))
    monkeypatch.setattr(Path, "unlink", just_before(Path.unlink))
    with nullcontext() if fault is None else pytest.raises(DataError), start(path) as output:
        write(output, PIECES[:2])
        output.handle.write("not in the journal")
        if fault is not None:
            raise fault
    assert len(refused) == 1
    if fault is None:
        assert path.read_bytes() == "".join([*PIECES[:2], "not in the journal"]).encode()
    assert list(tmp_path.iterdir()) == ([path] if fault is None else [])


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs /dev/null")
def test_a_device_is_written_directly() -> None:
    with start("/dev/null") as output:
        assert write(output, PIECES) == 0
        assert output.counts == {}


def test_file_stamp_changes_with_time_and_content(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_text("abc")
    first = file_stamp(path)
    assert file_stamp(path) == first
    os.utime(path, ns=(1, 1))
    assert file_stamp(path) != first
    path.write_text("abd")
    os.utime(path, ns=(first["changed"], first["changed"]))
    assert file_stamp(path) != first
    with pytest.raises(DataError, match="no such file"):
        file_stamp(tmp_path / "missing")


@pytest.mark.skipif(os.name != "posix", reason="other permissions")
def test_replacing_a_read_only_file_can_be_resumed(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(MemoryError), start(path) as output:
        write(output, PIECES, stop=2)
    assert (tmp_path / "out.part").stat().st_mode & 0o777 == 0o644  # the next start has to open it
    assert finish(path) == 2
    assert path.stat().st_mode & 0o777 == 0o444
