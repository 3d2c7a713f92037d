"""``coner tag`` from file to file: interrupted at any moment, the same command resumes, to the same bytes."""

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

from coner.cli.app import run
from coner.core.opening import BLOCK
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.tagger import Prediction, Tagger
from coner.tagging import job, stream
from helpers.shell import Completed, World, command, head, process, refusal

Coner = Callable[..., Completed]
POSIX = pytest.mark.skipif(os.name != "posix", reason="other signals")


@pytest.fixture(scope="session")
def many(world: World) -> Path:
    """Some thousands of sentences, about five batches."""
    path = world.model.parent / "many.conll"
    path.write_text(world.train.read_text(encoding="utf-8") * 85, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def whole(world: World, many: Path) -> dict[str, bytes]:
    """The outputs of runs that are not interrupted, by file ending."""
    outputs = {}
    for ending in (".jsonl", ".conll.gz"):
        path = world.model.parent / f"whole{ending}"
        assert run(["tag", str(world.model), str(many), "-o", str(path)]) == 0
        outputs[ending] = path.read_bytes()
    return outputs


def done(path: Path) -> int:
    """Number of sentences in the journal."""
    with suppress(FileNotFoundError):
        return int(json.loads(path.with_name(f"{path.name}.part.json").read_bytes())["counts"].get("sentences", 0))
    return 0


def stop(arguments: Sequence[object], path: Path, number: int, *, after: int = 0) -> tuple[int, str]:
    """Start the command, and send a signal when more than ``after`` sentences are saved; its exit code and stderr."""
    with subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 60
        while done(path) <= after:
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        running.send_signal(number)
        _, messages = running.communicate(timeout=60)
        return running.returncode, messages


@POSIX
@pytest.mark.parametrize("ending", [".jsonl", ".conll.gz"])
def test_killed_twice_and_started_again_gives_the_same_bytes(
    world: World, many: Path, whole: dict[str, bytes], out: Path, ending: str
) -> None:
    path = out / f"x{ending}"
    arguments = ("tag", world.model, many, "-o", path)
    assert stop(arguments, path, signal.SIGKILL)[0] == -signal.SIGKILL
    first = done(path)
    code, messages = stop(arguments, path, signal.SIGKILL, after=first)
    assert (code, messages) == (-signal.SIGKILL, f"resuming after {first:,} sentences\n")
    second = done(path)
    assert 0 < first < second < 5_100
    assert not path.exists()
    again = process(*arguments)
    assert again.code == 0
    assert again.err.splitlines()[0] == f"resuming after {second:,} sentences"
    assert again.err.splitlines()[1].startswith("5,100 sentences, ")
    assert [file.name for file in out.iterdir()] == [path.name]
    assert path.read_bytes() == whole[ending]
    read = json.loads if ending == ".jsonl" else gzip.decompress
    assert read(path.read_bytes().splitlines()[0] if ending == ".jsonl" else path.read_bytes())


@POSIX
def test_ctrl_c_keeps_the_work(world: World, many: Path, whole: dict[str, bytes], out: Path) -> None:
    path = out / "x.jsonl"
    arguments = ("tag", world.model, many, "-o", path)
    code, messages = stop(arguments, path, signal.SIGINT)
    assert (code, messages) == (130, "coner: interrupted; progress is saved; run the same command again to resume\n")
    saved = done(path)
    again = process(*arguments)
    assert again.err.startswith(f"resuming after {saved:,} sentences\n")
    assert path.read_bytes() == whole[".jsonl"]


class Crash(Exception):
    """A crash of the tagger."""


class FakeTagger(Tagger):
    """Predicts a mention in every sentence, repairs a tag in every third, and crashes after ``stop`` sentences."""

    kind, labels, taxonomy = "fake", ("Artist",), Taxonomy("fake", {"Person": {"Artist": ""}})

    def __init__(self, stop: int | None = None) -> None:
        self.seen: list[Sentence] = []
        self.stop = stop

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        if self.stop is not None and len(self.seen) + len(sentences) > self.stop:
            raise Crash
        self.seen += sentences
        for sentence in sentences:
            entities = (Entity(0, len(sentence), "Artist", 0.5),)
            yield Prediction(sentence, entities, repaired=int(sentence.words[0]) % 3 == 0)

    def save(self, folder: Path) -> None:
        raise NotImplementedError


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Sentence]]]:
    """``coner tag`` with a fake tagger and batches of ``batch`` words; returns the sentences that it tagged."""

    def call(*arguments: object, batch: int = 5, stop: int | None = None, code: int = 0) -> list[Sentence]:
        tagger = FakeTagger(stop)
        monkeypatch.setattr(job, "load", lambda _folder, **_options: tagger)
        monkeypatch.setattr(stream, "BATCH_WORDS", batch)
        try:
            assert run(["tag", *map(str, arguments)]) == code
        except Crash:
            assert stop is not None
        return tagger.seen

    yield call


Small = Callable[..., list[Sentence]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=25),
    layout=st.sampled_from([("\n", "\n"), ("", "\r\n"), ("\n\n", "\n")]),
    final=st.booleans(),
    to=st.sampled_from(["conll", "jsonl", "task"]),
    batch=st.integers(1, 40),
    stops=st.lists(st.integers(0, 25), max_size=3),
)
def test_no_sentence_is_tagged_twice_or_lost(
    small: Small,
    world: World,
    tmp_path_factory: pytest.TempPathFactory,
    *,
    lengths: list[int],
    layout: tuple[str, str],
    final: bool,
    to: str,
    batch: int,
    stops: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("batches")
    source, path = folder / "in.conll", folder / "x"
    between, newline = layout
    blocks = ["".join(f"{i} O{newline}" for _ in range(length)) for i, length in enumerate(lengths)]
    text = between + (newline + between).join(blocks)
    source.write_bytes((text if final else text.removesuffix(newline)).encode())
    arguments = (world.model, source, "--to", to, "-o")
    small(*arguments, folder / "whole", batch=1000)
    seen: list[Sentence] = []
    for stop in stops:
        if not path.exists():
            seen += small(*arguments, path, batch=batch, stop=stop)
    if not path.exists():
        seen += small(*arguments, path, batch=batch)
    assert [int(sentence.words[0]) for sentence in seen] == list(range(len(lengths)))
    assert path.read_bytes() == (folder / "whole").read_bytes()
    assert {file.name for file in folder.iterdir()} == {"in.conll", "x", "whole"}


TAGS = {0: "I-Artist", 5: "B-Artist"}


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """Numbered sentences of one word; every tenth has a tag to repair."""
    path = tmp_path / "in.conll"
    path.write_text("".join(f"{i} {TAGS.get(i % 10, 'O')}\n\n" for i in range(60)))
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
    assert capsys.readouterr().err == "resuming after 30 sentences\n" + expected


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
    manifest = json.loads((folder / "other/model.json").read_text(encoding="utf-8"))
    (folder / "other/model.json").write_text(json.dumps({**manifest, "threshold": 0.9}), encoding="utf-8")
    return folder / "other"


@pytest.mark.parametrize("what", OTHER)
def test_progress_of_other_work_is_discarded(
    small: Small, world: World, numbered: Path, out: Path, capsys: pytest.CaptureFixture[str], *, what: str
) -> None:
    small(world.model, numbered, "--repair", "-o", out / "x.conll", stop=33)
    capsys.readouterr()
    arguments = OTHER[what](world, numbered, out / "x.conll")
    assert len(small(*arguments)) == 60 + (what == "input")
    assert capsys.readouterr().err.splitlines()[0] == f"starting again: saved progress belongs to another {what}"
    assert [file.name for file in out.iterdir()] == ["x.conll"]


@pytest.mark.parametrize(("option", "what"), [("--rules", "set of rules"), ("--link", "set of options")])
@pytest.mark.parametrize("added", [True, False])
def test_an_option_that_is_added_or_removed_starts_again(
    small: Small,
    world: World,
    numbered: Path,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    option: str,
    what: str,
    added: bool,
) -> None:
    (rules := numbered.with_name("rules.json")).write_text('{"never": [{"text": "1"}]}')
    options = [option, rules] if option == "--rules" else [option]
    arguments = (world.model, numbered, "--repair", "-o", out / "x.jsonl")
    small(*arguments, *([] if added else options), stop=33)
    assert done(out / "x.jsonl")
    capsys.readouterr()
    assert len(small(*arguments, *(options if added else []))) == 60
    assert capsys.readouterr().err.splitlines()[0] == f"starting again: saved progress belongs to another {what}"


def test_a_fault_after_resuming_is_reported_with_its_line_and_leaves_nothing(
    small: Small, world: World, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in.conll"
    sound = "".join(f"{i} O\n\n" for i in range(50)) + f"50 O\n{'x' * 2 * BLOCK} O\n\n"  # the fault is in a later block
    path.write_bytes(sound.encode() + b"broken \xff O\n")
    small(world.model, path, "-o", out / "x.conll", stop=33)
    assert {file.name for file in out.iterdir()} == {"x.conll.part", "x.conll.part.json"}
    small(world.model, path, "-o", out / "x.conll", code=2)
    resumed, message = capsys.readouterr().err.splitlines()
    assert resumed == "resuming after 30 sentences"
    assert message.startswith(f"coner: {path}:104: byte 8 of the line is 0xff")
    assert not list(out.iterdir())


def test_another_file_in_the_way_is_one_line(coner: Coner, world: World, out: Path) -> None:
    (out / "x.conll.part").write_text("mine")
    assert "x.conll.part: exists already" in refusal(coner("tag", world.model, world.dev, "-o", out / "x.conll"))
    assert (out / "x.conll.part").read_text() == "mine"


@POSIX
def test_a_limit_on_file_size_keeps_the_work(world: World, many: Path, whole: dict[str, bytes], out: Path) -> None:
    path = out / "x.jsonl"
    arguments = ("tag", world.model, many, "-o", path)
    limit = len(whole[".jsonl"]) // 2

    def low() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python does by default: an error, not the end of the process
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    stopped = subprocess.run(command(*arguments), capture_output=True, text=True, preexec_fn=low, check=False)
    assert stopped.returncode == 3
    expected = (
        f"coner: {path}: cannot be written: file too large; progress is saved; run the same command again to resume\n"
    )
    assert stopped.stderr == expected
    saved = done(path)
    again = process(*arguments)
    assert (again.code, again.err.splitlines()[0]) == (0, f"resuming after {saved:,} sentences")
    assert path.read_bytes() == whole[".jsonl"]


# Not getrusage: a process inherits the peak of its parent.
PEAK = (
    "import sys; from pathlib import Path; from coner.cli import run; code = run(sys.argv[1:]); "
    "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]); sys.exit(code)"
)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_memory_does_not_grow_with_the_file(world: World, tmp_path: Path) -> None:
    peaks = []
    for sentences in (8_000, 40_000):
        path = tmp_path / f"{sentences}.conll"
        path.write_text(head(world.train, 50) * (sentences // 50), encoding="utf-8")
        run = [sys.executable, "-c", PEAK, "tag", str(world.model), str(path), "-o", str(tmp_path / "out.conll")]
        finished = subprocess.run(run, capture_output=True, text=True, check=True)
        assert finished.stderr.startswith(f"{sentences:,} sentences")
        peaks.append(int(finished.stdout) // 1024)
    assert peaks[1] - peaks[0] < 8, f"{peaks} MiB"


@POSIX
def test_a_private_output_stays_private(coner: Coner, world: World, tmp_path: Path) -> None:
    out = tmp_path / "out.conll"
    out.touch(mode=0o600)
    assert coner("tag", world.model, world.dev, "-o", out).code == 0
    assert out.stat().st_size and out.stat().st_mode & 0o777 == 0o600
