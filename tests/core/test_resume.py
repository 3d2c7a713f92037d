"""Output goes on where it was kept: no piece is missing, none is there twice, and nobody else's file is touched."""

from __future__ import annotations

import errno
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coner.core.errors import DataError, OutputError, Unfinished
from coner.core.resume import Output, file_stamp, resumable_output

BELONGS = {"input": {"bytes": 3}, "options": ["a", None]}
PIECES = ["é\r\n", "", "two\n", "x" * 5000, "end"]


def write(work: Output, pieces: list[str], *, stop: int | None = None, fault: type[BaseException] = MemoryError) -> int:
    """Write what is not yet kept, a safe point after each piece; before piece ``stop`` all breaks off."""
    begun = work.counts.get("pieces", 0)
    for index in range(begun, len(pieces)):
        work.handle.write(pieces[index])
        if index == stop:
            raise fault
        work.commit({"pieces": index + 1})
    return begun


@settings(max_examples=50, deadline=None)
@given(
    pieces=st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=8),
    stops=st.lists(st.integers(0, 7), max_size=4),
    name=st.sampled_from(["out", "out.gz"]),
    torn=st.binary(max_size=10),
)
def test_it_ends_equal_however_often_it_is_stopped(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], stops: list[int], name: str, torn: bytes
) -> None:
    folder = tmp_path_factory.mktemp("work")
    path, kept = folder / name, 0
    for stop in stops:
        if not kept <= stop < len(pieces):
            continue
        with pytest.raises(MemoryError), resumable_output(path, BELONGS) as work:
            assert work.counts.get("pieces", 0) == kept
            write(work, pieces, stop=stop)
        kept = stop
        assert {file.name for file in folder.iterdir()} == ({f"{name}.part", f"{name}.part.json"} if kept else set())
        if kept:
            with (folder / f"{name}.part").open("ab") as part:  # written, but not yet in the journal
                part.write(torn)
    with resumable_output(path, BELONGS) as work:
        assert write(work, pieces) == kept
    assert list(folder.iterdir()) == [path]
    content = path.read_bytes()
    assert (gzip.decompress(content) if name == "out.gz" else content) == "".join(pieces).encode()
    with resumable_output(folder / f"whole.{name}", BELONGS) as work:
        write(work, pieces)
    assert (folder / f"whole.{name}").read_bytes() == content


def stopped(path: Path, belongs: dict[str, object] = BELONGS) -> None:
    with pytest.raises(MemoryError), resumable_output(path, belongs) as work:
        write(work, PIECES, stop=3)


def test_what_was_there_stays_until_all_is_done(tmp_path: Path) -> None:
    path = tmp_path / "target"
    path.write_text("old")
    (tmp_path / "link").symlink_to(path)
    stopped(tmp_path / "link")
    assert path.read_text() == "old"
    with resumable_output(tmp_path / "link", BELONGS) as work:
        assert write(work, PIECES) == 3
    assert path.read_bytes() == "".join(PIECES).encode()
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("key", BELONGS)
def test_work_that_belongs_to_something_else_is_given_up(tmp_path: Path, key: str) -> None:
    path = tmp_path / "out"
    stopped(path, {**BELONGS, key: "other"})
    with resumable_output(path, BELONGS) as work:
        assert (work.counts, work.changed) == ({}, [key])
        assert write(work, PIECES) == 0
    assert path.read_bytes() == "".join(PIECES).encode()


@pytest.mark.parametrize("harm", [lambda part: part.unlink(), lambda part: part.write_bytes(b"x")])
def test_a_part_that_is_too_short_is_given_up(tmp_path: Path, harm: object) -> None:
    path = tmp_path / "out"
    stopped(path)
    assert callable(harm)
    harm(tmp_path / "out.part")
    with resumable_output(path, BELONGS) as work:
        assert work.changed == ["length"]
        assert write(work, PIECES) == 0
    assert path.read_bytes() == "".join(PIECES).encode()


def test_ctrl_c_keeps_what_there_is_to_keep(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), resumable_output(path, BELONGS) as work:
        write(work, PIECES, stop=0, fault=KeyboardInterrupt)
    assert not list(tmp_path.iterdir())
    with (
        pytest.raises(Unfinished, match="interrupted; progress is saved") as caught,
        resumable_output(path, BELONGS) as work,
    ):
        write(work, PIECES, stop=3, fault=KeyboardInterrupt)
    assert caught.value.exit_code == 130
    with resumable_output(path, BELONGS) as work:
        assert write(work, PIECES) == 3


def test_a_fault_of_the_input_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out"
    stopped(path)
    with pytest.raises(DataError), resumable_output(path, BELONGS):
        raise DataError("broken", "in", 7)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("full", ["out.part", "out.part.json.new"])
@pytest.mark.parametrize("at", [0, 2])
def test_a_full_disk_keeps_what_there_is_to_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: str, at: int
) -> None:
    path, synced = tmp_path / "out", os.fsync

    def sync(descriptor: int) -> None:
        if (tmp_path / full).exists() and os.path.samestat(os.fstat(descriptor), (tmp_path / full).stat()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        synced(descriptor)

    def write_all() -> None:
        with resumable_output(path, BELONGS) as work:
            for index, piece in enumerate(PIECES):
                work.handle.write(piece)
                if index == at:
                    monkeypatch.setattr(os, "fsync", sync)
                work.commit({"pieces": index + 1})

    with pytest.raises(OutputError if at == 0 else Unfinished, match="out: cannot be written: no space") as caught:
        write_all()
    assert caught.value.exit_code == (3 if at else 2)
    monkeypatch.undo()
    assert bool(list(tmp_path.iterdir())) == bool(at)
    with resumable_output(path, BELONGS) as work:
        assert write(work, PIECES) == at
    assert path.read_bytes() == "".join(PIECES).encode()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("name", "content"), [("out.part", "mine"), ("out.part.json", "{}"), ("out.part.json", "-")])
def test_files_of_others_are_left_alone(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(OutputError, match=f"{name}: is in the way"), resumable_output(tmp_path / "out", BELONGS):
        pass
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, content)]


@pytest.mark.skipif(os.name == "nt", reason="no locks there")
def test_two_at_once_do_not_spoil_each_other(tmp_path: Path) -> None:
    path = tmp_path / "out"
    code = (
        "import sys\nfrom coner.core.errors import OutputError\nfrom coner.core.resume import resumable_output\n"
        f"try:\n  with resumable_output(sys.argv[1], {BELONGS!r}): pass\nexcept OutputError as error: print(error)"
    )
    with resumable_output(path, BELONGS) as work:
        work.handle.write("a")
        work.commit({"pieces": 1})
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
        assert "another process is writing it" in done.stdout
        assert json.loads((tmp_path / "out.part.json").read_text())["counts"] == {"pieces": 1}
        work.handle.write("b")
    assert path.read_text() == "ab"


@pytest.mark.skipif(os.name == "nt", reason="no locks there")
@pytest.mark.parametrize("fault", [None, DataError("broken", "in", 7)])
def test_who_comes_while_it_ends_is_turned_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: DataError | None
) -> None:
    path, turned_away = tmp_path / "out", []

    def just_before(change: Callable[..., Any]) -> Callable[..., Any]:
        def changed(file: Path, *arguments: Any, **options: Any) -> Any:
            if file.name == "out.part" and not turned_away:
                with pytest.raises(OutputError, match="another process is writing it"), resumable_output(path, BELONGS):
                    pass
                turned_away.append(file)
            return change(file, *arguments, **options)

        return changed

    monkeypatch.setattr(Path, "replace", just_before(Path.replace))
    monkeypatch.setattr(Path, "unlink", just_before(Path.unlink))
    with nullcontext() if fault is None else pytest.raises(DataError), resumable_output(path, BELONGS) as work:
        write(work, PIECES[:2])
        work.handle.write("not in the journal")
        if fault is not None:
            raise fault
    assert len(turned_away) == 1
    if fault is None:
        assert path.read_bytes() == "".join([*PIECES[:2], "not in the journal"]).encode()
    assert list(tmp_path.iterdir()) == ([path] if fault is None else [])


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs /dev/null")
def test_a_device_is_written_directly() -> None:
    with resumable_output("/dev/null", BELONGS) as work:
        assert write(work, PIECES) == 0
        assert work.counts == {}


def test_fingerprints_tell_files_apart(tmp_path: Path) -> None:
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
def test_what_takes_the_place_of_a_file_that_may_only_be_read_can_be_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(MemoryError), resumable_output(path, BELONGS) as work:
        write(work, PIECES, stop=2)
    assert (tmp_path / "out.part").stat().st_mode & 0o777 == 0o644  # to be opened again
    with resumable_output(path, BELONGS) as work:
        assert write(work, PIECES) == 2
    assert path.read_bytes() == "".join(PIECES).encode() and path.stat().st_mode & 0o777 == 0o444
