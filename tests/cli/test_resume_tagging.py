"""``coner tag`` from file to file: stopped at any moment, the same command goes on, to the same bytes."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import coner.families
from coner.cli.app import run
from coner.core.lines import BLOCK
from coner.core.types import Entity, Sentence
from coner.families import chunks as chunks_module
from helpers.shell import Completed, World, command, head, process, refusal

Coner = Callable[..., Completed]
POSIX = pytest.mark.skipif(os.name != "posix", reason="another way of stopping")


@pytest.fixture(scope="session")
def many(world: World) -> Path:
    """Some thousands of sentences, which are some ten chunks."""
    path = world.model.parent / "many.conll"
    path.write_text(world.train.read_text(encoding="utf-8") * 170, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def whole(world: World, many: Path) -> dict[str, bytes]:
    """What comes out if nothing goes wrong, by the ending."""
    found = {}
    for ending in (".jsonl", ".conll.gz"):
        path = world.model.parent / f"whole{ending}"
        assert run(["tag", str(world.model), str(many), "-o", str(path)]) == 0
        found[ending] = path.read_bytes()
    return found


def done(path: Path) -> int:
    """Sentences, as the journal has them."""
    with suppress(FileNotFoundError):
        return int(json.loads(path.with_name(f"{path.name}.part.json").read_bytes())["counts"].get("sentences", 0))
    return 0


def stop(arguments: Sequence[object], path: Path, number: int, *, after: int = 0) -> tuple[int, str]:
    """Start it, and send a signal when more than so many sentences are kept; its exit code and what it said."""
    with subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 60
        while done(path) <= after:
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
        return running.returncode, said


@POSIX
@pytest.mark.parametrize("ending", [".jsonl", ".conll.gz"])
def test_killed_twice_and_started_again_gives_the_same_bytes(
    world: World, many: Path, whole: dict[str, bytes], out: Path, ending: str
) -> None:
    path = out / f"x{ending}"
    arguments = ("tag", world.model, many, "-o", path)
    assert stop(arguments, path, signal.SIGKILL)[0] == -signal.SIGKILL
    first = done(path)
    code, said = stop(arguments, path, signal.SIGKILL, after=first)
    assert (code, said) == (-signal.SIGKILL, f"going on after {first:,} sentences\n")
    second = done(path)
    assert 0 < first < second < 10_200
    assert not path.exists()
    again = process(*arguments)
    assert again.code == 0
    assert again.err.splitlines()[0] == f"going on after {second:,} sentences"
    assert again.err.splitlines()[1].startswith("10200 sentences, ")
    assert [file.name for file in out.iterdir()] == [path.name]
    assert path.read_bytes() == whole[ending]
    told = json.loads if ending == ".jsonl" else gzip.decompress
    assert told(path.read_bytes().splitlines()[0] if ending == ".jsonl" else path.read_bytes())


@POSIX
def test_ctrl_c_keeps_the_work(world: World, many: Path, whole: dict[str, bytes], out: Path) -> None:
    path = out / "x.jsonl"
    arguments = ("tag", world.model, many, "-o", path)
    code, said = stop(arguments, path, signal.SIGINT)
    assert (code, said) == (130, "coner: interrupted; progress is saved; run the same command again to resume\n")
    kept = done(path)
    again = process(*arguments)
    assert again.err.startswith(f"going on after {kept:,} sentences\n")
    assert path.read_bytes() == whole[".jsonl"]


class Fake(Exception):
    """A crash."""


class FakeTagger:
    """Finds a mention in every sentence, mends a tag in every third, and breaks off when it is told to."""

    computes = ""

    def __init__(self, stop: int | None = None) -> None:
        self.repaired = 0
        self.seen: list[Sentence] = []
        self.stop = stop

    def tag(self, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        if self.stop is not None and len(self.seen) + len(sentences) > self.stop:
            raise Fake
        self.seen += sentences
        self.repaired += sum(int(sentence.words[0]) % 3 == 0 for sentence in sentences)
        return [[Entity(0, len(sentence), "Artist", 0.5)] for sentence in sentences]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Sentence]]]:
    """``coner tag`` with a fake tagger and chunks of so many words; returns what the tagger was given."""

    def call(*arguments: object, chunk: int = 5, stop: int | None = None, code: int = 0) -> list[Sentence]:
        tagger = FakeTagger(stop)
        monkeypatch.setattr(coner.families, "load", lambda _folder: tagger)
        monkeypatch.setattr(chunks_module, "CHUNK", chunk)
        try:
            assert run(["tag", *map(str, arguments)]) == code
        except Fake:
            assert stop is not None
        return tagger.seen

    yield call


Small = Callable[..., list[Sentence]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=25),
    looks=st.sampled_from([("\n", "\n"), ("", "\r\n"), ("\n\n", "\n")]),
    final=st.booleans(),
    form=st.sampled_from(["conll", "jsonl", "task"]),
    chunk=st.integers(1, 40),
    stops=st.lists(st.integers(0, 25), max_size=3),
)
def test_no_sentence_is_tagged_twice_or_lost(
    small: Small,
    world: World,
    tmp_path_factory: pytest.TempPathFactory,
    *,
    lengths: list[int],
    looks: tuple[str, str],
    final: bool,
    form: str,
    chunk: int,
    stops: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("chunks")
    source, path = folder / "in.conll", folder / "x"
    between, newline = looks
    blocks = ["".join(f"{i} O{newline}" for _ in range(length)) for i, length in enumerate(lengths)]
    text = between + (newline + between).join(blocks)
    source.write_bytes((text if final else text.removesuffix(newline)).encode())
    arguments = (world.model, source, "--format", form, "-o")
    small(*arguments, folder / "whole", chunk=1000)
    seen: list[Sentence] = []
    for stop in stops:
        if not path.exists():
            seen += small(*arguments, path, chunk=chunk, stop=stop)
    if not path.exists():
        seen += small(*arguments, path, chunk=chunk)
    assert [int(sentence.words[0]) for sentence in seen] == list(range(len(lengths)))
    assert path.read_bytes() == (folder / "whole").read_bytes()
    assert {file.name for file in folder.iterdir()} == {"in.conll", "x", "whole"}


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """Sentences of one word, its number; a tag of every tenth has to be mended."""
    path = tmp_path / "in.conll"
    path.write_text("".join(f"{i} {'I-Artist' if i % 10 == 0 else 'O'}\n\n" for i in range(60)))
    return path


def test_counts_at_the_end_are_of_the_whole_file(
    small: Small, world: World, numbered: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (world.model, numbered, "--repair", "-o")
    small(*arguments, out / "whole.conll")
    expected = capsys.readouterr().err
    assert expected == "60 sentences, 60 entities, 6 repaired in the input, 20 tags repaired\n"
    small(*arguments, out / "x.conll", stop=33)
    capsys.readouterr()
    small(*arguments, out / "x.conll")
    assert capsys.readouterr().err == "going on after 30 sentences\n" + expected


OTHER: dict[str, Callable[[World, Path, Path], list[object]]] = {
    "input": lambda world, source, path: [world.model, other_input(source), "--repair", "-o", path],
    "model": lambda world, source, path: [other_model(world, source.parent), source, "--repair", "-o", path],
    "set of options": lambda world, source, path: [world.model, source, "--repair", "--tags", "bioes", "-o", path],
}


def other_input(source: Path) -> Path:
    source.write_text(source.read_text() + "60 O\n")
    return source


def other_model(world: World, folder: Path) -> Path:
    shutil.copytree(world.model, folder / "other")
    card = json.loads((folder / "other/model.json").read_text(encoding="utf-8"))
    (folder / "other/model.json").write_text(json.dumps({**card, "threshold": 0.9}), encoding="utf-8")
    return folder / "other"


@pytest.mark.parametrize("what", OTHER)
def test_what_belongs_to_something_else_starts_anew(
    small: Small, world: World, numbered: Path, out: Path, capsys: pytest.CaptureFixture[str], *, what: str
) -> None:
    small(world.model, numbered, "--repair", "-o", out / "x.conll", stop=33)
    capsys.readouterr()
    arguments = OTHER[what](world, numbered, out / "x.conll")
    assert len(small(*arguments)) == 60 + (what == "input")
    assert capsys.readouterr().err.splitlines()[0] == f"starting anew: what was kept has another {what}"
    assert [file.name for file in out.iterdir()] == ["x.conll"]


def test_a_fault_of_the_input_after_a_resume_is_told_with_its_line_and_leaves_nothing(
    small: Small, world: World, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in.conll"
    sound = "".join(f"{i} O\n\n" for i in range(50)) + f"50 O\n{'x' * 2 * BLOCK} O\n\n"  # the fault is not read with it
    path.write_bytes(sound.encode() + b"broken \xff O\n")
    small(world.model, path, "-o", out / "x.conll", stop=33)
    assert {file.name for file in out.iterdir()} == {"x.conll.part", "x.conll.part.json"}
    small(world.model, path, "-o", out / "x.conll", code=2)
    going, message = capsys.readouterr().err.splitlines()
    assert going == "going on after 30 sentences"
    assert message.startswith(f"coner: {path}:104: byte 8 of the line is 0xff")
    assert not list(out.iterdir())


def test_a_foreign_file_in_the_way_is_one_line(coner: Coner, world: World, out: Path) -> None:
    (out / "x.conll.part").write_text("mine")
    assert "x.conll.part: is in the way" in refusal(coner("tag", world.model, world.dev, "-o", out / "x.conll"))
    assert (out / "x.conll.part").read_text() == "mine"


@POSIX
def test_a_limit_on_the_size_of_files_keeps_the_work(
    world: World, many: Path, whole: dict[str, bytes], out: Path
) -> None:
    path = out / "x.jsonl"
    arguments = ("tag", world.model, many, "-o", path)
    limit = len(whole[".jsonl"]) // 2

    def low() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python has it: an error in place of the end
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    stopped = subprocess.run(command(*arguments), capture_output=True, text=True, preexec_fn=low, check=False)
    assert stopped.returncode == 3
    expected = (
        f"coner: {path}: cannot be written: file too large; progress is saved; run the same command again to resume\n"
    )
    assert stopped.stderr == expected
    kept = done(path)
    again = process(*arguments)
    assert (again.code, again.err.splitlines()[0]) == (0, f"going on after {kept:,} sentences")
    assert path.read_bytes() == whole[".jsonl"]


# Not getrusage, whose peak a process inherits from the one that started it.
PEAK = (
    "import sys; from pathlib import Path; from coner.cli import run; code = run(sys.argv[1:]); "
    "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]); sys.exit(code)"
)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_memory_does_not_grow_with_the_file(world: World, tmp_path: Path) -> None:
    peaks = []
    for sentences in (20_000, 100_000):
        path = tmp_path / f"{sentences}.conll"
        path.write_text(head(world.train, 50) * (sentences // 50), encoding="utf-8")
        run = [sys.executable, "-c", PEAK, "tag", str(world.model), str(path), "-o", str(tmp_path / "out.conll")]
        told = subprocess.run(run, capture_output=True, text=True, check=True)
        assert told.stderr.startswith(f"{sentences} sentences")
        peaks.append(int(told.stdout) // 1024)
    assert peaks[1] - peaks[0] < 8, f"{peaks} MiB"


@POSIX
def test_an_output_that_only_its_owner_may_read_stays_so(coner: Coner, world: World, tmp_path: Path) -> None:
    out = tmp_path / "out.conll"
    out.touch(mode=0o600)
    assert coner("tag", world.model, world.dev, "-o", out).code == 0
    assert out.stat().st_size and out.stat().st_mode & 0o777 == 0o600
