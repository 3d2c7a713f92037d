"""Bad input and bad use: a one-line error, and no files left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from coner.families.manifest import FORMAT, MANIFEST
from helpers.shell import Completed, World, command, process, refusal

Coner = Callable[..., Completed]
Arguments = Callable[[World, Path], list[object]]  # of a command; the folder is for bad files

ENCODER = 'kind = "encoder"\n[encoder]\nname = "minilm"\n'
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs the devices of Linux")


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def model(world: World, folder: Path, damage: Callable[[Path], object]) -> Path:
    shutil.copytree(world.model, folder / "model")
    damage(folder / "model")
    return folder / "model"


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def newer(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    (folder / MANIFEST).write_text(json.dumps({**manifest, "format": FORMAT + 1}))


def zero_weights(folder: Path) -> None:
    path = folder / "weights.npz"
    path.write_bytes(bytes(path.stat().st_size))


def tag(source: str | bytes, name: str = "in.conll") -> Arguments:
    return lambda world, folder: ["tag", world.model, file(folder, name, source), "-o", "OUT/x.conll"]


def evaluate(gold: str | bytes, *more: object) -> Arguments:
    return lambda world, folder: ["evaluate", file(folder, "gold.conll", gold), world.model, *more]


def train(*more: object) -> Arguments:
    return lambda world, folder: ["train", *world.settings, "--out", "OUT/run", *more]


def damaged(damage: Callable[[Path], object]) -> Arguments:
    return lambda world, folder: ["tag", model(world, folder, damage), world.dev, "-o", "OUT/x.conll"]


def setting(value: str) -> Arguments:
    return train("--set", value)


def dev(text: str, *more: object) -> Arguments:
    return lambda world, folder: [*train(*more)(world, folder), "--set", f"data.dev={file(folder, 'dev.conll', text)}"]


def config(content: str | bytes) -> Arguments:
    return lambda world, folder: ["train", file(folder, "c.toml", content), "--out", "OUT/run"]


def encoder(value: str) -> Arguments:
    return lambda world, folder: [
        *("train", file(folder, "encoder.toml", ENCODER), "--out", "OUT/run", "--set", f"data.train={world.train}"),
        *("--set", f"data.dev={world.dev}", "--set", value),
    ]


BAD: dict[str, tuple[Arguments, str]] = {
    "tag: empty file": (tag(""), "in.conll: got no sentence"),
    "tag: empty text": (tag(" \n\n", "in.txt"), "in.txt: got no sentence"),
    "tag: empty lines only": (tag("\n\t\n"), "in.conll: got no sentence"),
    "tag: folder": (lambda w, f: ["tag", w.model, f, "-o", "OUT/x.conll"], "is a folder; expected a file"),
    "tag: missing": (lambda w, f: ["tag", w.model, f / "no.conll", "-o", "OUT/x.conll"], "no.conll: no such file"),
    "tag: binary": (tag(b"\x7fELF\x02\0\0\0"), "in.conll:1: contains a zero byte"),
    "tag: binary without a name": (tag(bytes(range(256)) * 9, "in"), "contains a zero byte"),
    "tag: latin-1": (tag("são O\n".encode("latin-1")), "in.conll:1: byte 2 of the line is 0xe3, which is not UTF-8"),
    "tag: truncated gzip file": (tag(b"\x1f\x8b\x08\0\0\0\0\0", "in.conll.gz"), "in.conll.gz: cannot be read"),
    "tag: not JSON": (tag('{"text": "a"}\n{"text"\n', "in.jsonl"), "in.jsonl:2: not JSON"),
    "tag: one column too few": (tag("a _ O\nb O\n"), "in.conll:2: got 2 columns; expected 3"),
    "tag: output is a folder": (lambda w, f: ["tag", w.model, w.dev, "-o", "OUT"], "is a folder; expected the name"),
    "tag: unknown format of the input": (
        lambda w, f: ["tag", w.model, w.dev, "--from", "xml", "-o", "OUT/x"],
        "'xml' is not one of",
    ),
    "evaluate: empty file": (evaluate(""), "gold.conll: got no sentence"),
    "evaluate: binary": (evaluate(b"\x89PNG\0"), "gold.conll:1: contains a zero byte"),
    "evaluate: folder": (lambda w, f: ["evaluate", f, w.model], "is a folder; expected a file"),
    "evaluate: no tags": (evaluate("a _ _ _\n"), "gold.conll:1: got only '_' in the last column: no tags"),
    "evaluate: I- after O": (
        evaluate("a O\nb I-Artist\nc O\nd B-Artist\n"),
        "gold.conll:2: tag 'I-Artist' after O is not valid iob2",
    ),
    "evaluate: unknown tag": (
        evaluate("a B-Artits\n", "--taxonomy", "multiconer2"),
        "Fix: write 'Artist', or use another taxonomy",
    ),
    "evaluate: unknown taxonomy": (
        evaluate("a O\n", "--taxonomy", "multiconer"),
        "got taxonomy 'multiconer'; expected one of",
    ),
    "model: missing": (lambda w, f: ["tag", f / "no", w.dev, "-o", "OUT/x"], "no: does not exist; expected the folder"),
    "model: a file": (lambda w, f: ["tag", w.dev, w.dev, "-o", "OUT/x"], "dev.conll: is a file; expected the folder"),
    "model: no model.json": (damaged(lambda f: (f / MANIFEST).unlink()), "got no model.json; expected the folder"),
    "model: file missing": (damaged(lambda f: (f / "weights.npz").unlink()), "weights.npz: missing"),
    "model: file truncated": (damaged(lambda f: truncate(f / "weights.npz")), "damaged or truncated"),
    "model: manifest truncated": (damaged(lambda f: truncate(f / MANIFEST)), "not a valid JSON object"),
    "model: other content": (damaged(zero_weights), "weights.npz: damaged: its sha256 is not the one in model.json"),
    "model: newer": (damaged(newer), f"model.json: format: got {FORMAT + 1}; expected at most {FORMAT}"),
    "train: misspelt key": (setting("crf.clsters=[]"), "crf.clsters: no such setting; expected one of: algorithm"),
    "train: misspelt section": (setting("cfr.c1=1"), "cfr: no such setting; expected one of: crf, data"),
    "train: key of no section": (setting("crf.c1.x=1"), "crf.c1"),
    "train: L1 without its algorithm": (
        setting("crf.c1=0.1"),
        'crf.c1 = 0.1 needs crf.algorithm = "lbfgs"; sgd has no L1',
    ),
    "train: threshold of 0": (setting("crf.thresholds=[0]"), "crf.thresholds: got 0, which keeps every span"),
    "train: negative regularisation": (setting("crf.c2=-1"), "crf.c2: input should be greater than or equal"),
    "train: text for a number": (setting("crf.c2=much"), "crf.c2: input should be a valid number"),
    "train: negative rate": (
        encoder("train.groups.encoder.rate=-0.1"),
        "train.groups.encoder.rate: input should be greater than or equal to 0",
    ),
    "train: misspelt key of a group": (
        encoder("train.groups.head.rat=1"),
        "train.groups.head.rat: no such setting; expected one of: layer_decay, match, rate",
    ),
    "train: no mentions": (
        lambda w, f: ["train", w.config, "--set", f"data.train={file(f, 'o.conll', 'a O')}", "--out", "OUT/r"],
        "o.conll: got no mention; expected labelled sentences",
    ),
    "train: seed": (setting("seed=-1"), "seed: input should be greater than or equal to 0"),
    "train: no layers": (encoder("head.layers=[]"), "head.layers: "),
    "train: --set without a value": (setting("crf.c1"), "--set 'crf.c1': expected key.path=value, such as"),
    "train: --set without a key": (setting("=1"), "--set '=1': expected key.path=value"),
    "train: negative trials": (train("--trials", "-1"), "'--trials'"),
    "train: config is missing": (lambda w, f: ["train", f / "no.toml", "--out", "OUT/run"], "no.toml: cannot be read"),
    "train: a folder without data": (lambda w, f: ["train", f, "--out", "OUT/run"], "is a folder; expected a file"),
    "train: config is empty": (config(""), "kind"),
    "train: config is no TOML": (config("a:"), "not valid TOML"),
    "train: config is binary": (config(b"\xff"), "not a text file"),
    "train: no data": (lambda w, f: ["train", w.config, "--out", "OUT/run"], "data.train: not set"),
    "train: data is a folder": (setting("data.train=/"), "is a folder; expected a file"),
    "train: unknown tag": (
        dev("a _ _ B-Artits", "--set", "data.taxonomy=multiconer2"),
        "dev.conll:1: got label 'Artits', which is not",
    ),
    "train: I- at the start": (
        dev("a I-Artist\nb O\nc B-Artist"),
        "dev.conll:1: tag 'I-Artist' after the start is not valid iob2",
    ),
    "train: output below a file": (lambda w, f: ["train", *w.settings, "--out", w.dev / "x"], "cannot be written"),
    "tag: output below a file": (lambda w, f: ["tag", w.model, w.dev, "-o", w.dev / "x"], "does not exist"),
    "unknown command": (lambda w, f: ["tagg"], "No such command 'tagg'"),
    "unknown option": (lambda w, f: ["tag", w.model, w.dev, "--output", "OUT/x"], "No such option"),
    "argument missing": (lambda w, f: ["evaluate"], "Missing argument"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_a_one_line_error_and_leaves_no_files(
    coner: Coner, world: World, tmp_path: Path, out: Path, what: str
) -> None:
    make, message = BAD[what]
    (tmp_path / "bad").mkdir()
    arguments = [str(argument).replace("OUT", str(out)) for argument in make(world, tmp_path / "bad")]
    before = sorted(world.model.parent.rglob("*"))
    assert message in refusal(coner(*arguments))
    assert not list(out.iterdir())
    assert sorted(world.model.parent.rglob("*")) == before


@pytest.mark.parametrize("arguments", [[], ["data"]])
def test_help_is_printed_if_there_is_no_command(coner: Coner, arguments: list[str]) -> None:
    done = coner(*arguments)
    assert (done.code, done.err) == (2, "coner: name a command (see coner --help, or coner COMMAND --help)\n")
    assert f"Usage: coner {' '.join([*arguments, '[OPTIONS]'])} COMMAND" in done.out


def test_an_error_during_training_leaves_no_model(coner: Coner, world: World, out: Path) -> None:
    done = coner("train", *world.settings, "--set", 'crf.features=["sufix"]', "--out", out / "run")
    assert (done.code, done.out) == (2, "")
    first, *_, message = done.err.splitlines()
    assert first.startswith("crf: train 60 sentences")
    assert message.startswith("coner: crf.features: got 'sufix'")
    assert [path.name for path in (out / "run").iterdir()] == ["log.txt"]


def test_iob1_is_read_with_the_option(coner: Coner, tmp_path: Path) -> None:
    path = file(tmp_path, "iob1.conll", "a O\nb I-Artist\nc B-Artist\n")
    done = coner("evaluate", path, path, "--scheme", "iob1", "--json")
    assert done.code == 0
    assert json.loads(done.out)["fine"]["classes"]["Artist"]["support"] == 2


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root ignores permissions")
def test_missing_permission_is_a_one_line_error(coner: Coner, world: World, out: Path) -> None:
    out.chmod(0o500)
    assert "permission denied" in refusal(coner("tag", world.model, world.dev, "-o", out / "x.conll"))
    assert "ermission denied" in refusal(coner("train", *world.settings, "--out", out / "run"))


@LINUX
def test_an_unwritable_place_is_a_one_line_error(coner: Coner, world: World) -> None:
    assert "cannot be written" in refusal(coner("tag", world.model, world.dev, "-o", "/proc/x.conll"))
    assert "cannot be written" in refusal(coner("train", *world.settings, "--out", "/proc/run"))


@LINUX
@pytest.mark.parametrize("form", ["conll", "jsonl", "task"])
def test_a_full_disk_is_a_one_line_error(world: World, form: str) -> None:
    # In a process of its own: unflushed handles must not print warnings at its exit.
    done = process("tag", world.model, world.dev, "-o", "/dev/full", "--format", form)
    assert (done.code, done.out) == (2, "")
    *count, message = done.err.splitlines()  # all may be tagged before the last block meets the full disk
    assert not count or (len(count) == 1 and count[0].startswith("40 sentences, "))
    assert message == "coner: /dev/full: cannot be written: no space left on device"


@LINUX
@pytest.mark.parametrize("arguments", [("tag", "MODEL", "DEV"), ("evaluate", "DEV", "MODEL", "--json"), ("--version",)])
def test_a_full_disk_behind_standard_output_is_a_one_line_error(world: World, arguments: tuple[str, ...]) -> None:
    places = {"MODEL": str(world.model), "DEV": str(world.dev)}
    with Path("/dev/full").open("wb") as full:
        run = command(*(places.get(argument, argument) for argument in arguments))
        done = subprocess.run(run, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "coner: no space left on device"
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
