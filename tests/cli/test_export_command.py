"""``coner export``: a model that needs no torch and loses no F1, or an error."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from coner.cli.app import run
from coner.core.types import Entity, Sentence
from coner.data import ConllLayout, read, write_conll
from coner.data.taxonomy import Taxonomy
from coner.families import load
from coner.families.before_after import BeforeAfter
from coner.records.record import read_record
from helpers.shell import Completed, World, command, head, refusal
from helpers.tiny_training import untrained

Coner = Callable[..., Completed]

TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": ""}, "Place": {"River": "", "City": ""}})
HEAD = {"decoder": "crf", "context": "bilstm", "blend": "concat", "layers": (-1, -2), "mix": "concat", "dropout": 0.0}
CONFIG = """kind = "encoder"
[encoder]
name = "{encoder}"
[head]
decoder = "crf"
[train]
epochs = 1
precision = "float32"
device = "cpu"
"""
BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "safetensors", "accelerate"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
"""


def without_torch(*arguments: object) -> Completed:
    """Run the command in a process that cannot import torch or transformers."""
    interpreter, flag, code, *rest = command(*arguments)
    done = subprocess.run([interpreter, flag, BLOCKED + code, *rest], capture_output=True, check=False)
    return Completed(done.returncode, done.stdout.decode(), done.stderr.decode())


class RandomModel:
    """A random tagger in a folder, and a file with its own predictions as gold."""

    def __init__(self, settings: Any, folder: Path, source: Path) -> None:
        torch.manual_seed(3)
        tagger = untrained(settings, TAXONOMY)
        with torch.no_grad():
            tagger.network.emissions.weight.mul_(8)
        self.folder, self.dev = folder / "model", folder / "dev.conll"
        tagger.save(self.folder)
        self.words = [Sentence(sentence.words) for sentence in read(source)]
        self.predicted: list[list[Entity]] = tagger.tag(self.words)
        with self.dev.open("w", encoding="utf-8") as handle:
            gold = (Sentence(s.words, tuple(e)) for s, e in zip(self.words, self.predicted, strict=True))
            write_conll(gold, handle, ConllLayout, "iob2")


@pytest.fixture
def made(settings_for: Callable[..., Any], world: World, tmp_path: Path) -> RandomModel:
    return RandomModel(settings_for(head=HEAD), tmp_path, world.dev)


@pytest.fixture(scope="session")
def trained(tiny_encoder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory, world: World) -> Path:
    """The folder of a run of ``coner train`` with a tiny encoder, and of its dev file."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.toml").write_text(CONFIG.format(encoder=tiny_encoder("mbert").as_posix()))
    (folder / "dev.conll").write_text(head(world.dev, 20), encoding="utf-8")
    files = ["--set", f"data.train={world.train}", "--set", f"data.dev={folder / 'dev.conll'}"]
    assert run(["train", str(folder / "tiny.toml"), *files, "--out", str(folder / "run")]) == 0
    return folder


def test_exported_model_works_without_torch(coner: Coner, made: RandomModel, tmp_path: Path) -> None:
    out = tmp_path / "exported"
    done = coner("export", made.folder, "--onnx", "-o", out, "--dev", made.dev)  # once required
    assert done.code == 0, done.err
    rows = [line.split() for line in done.out.splitlines() if line.lstrip().startswith(("before", "after"))]
    assert [(row[0], row[1], row[-2:]) for row in rows] == [
        ("before:", "torch,", ["1.0000", "1.0000"]),
        ("after:", "onnx,", ["1.0000", "1.0000"]),
    ]
    assert {path.name for path in out.iterdir()} == {
        *("model.json", "model.onnx", "model.onnx.data", "tokenizer.json", "chain.npz")
    }

    tagged = without_torch("tag", out, made.dev, "--format", "jsonl")
    assert tagged.code == 0, tagged.err
    lines = [json.loads(line)["entities"] for line in tagged.out.splitlines()]
    predicted = [[(e["label"], e["score"]) for e in entities] for entities in lines]
    expected = [[(e.label, pytest.approx(e.score, abs=1e-4)) for e in row] for row in made.predicted]
    assert any(predicted)
    assert predicted == expected

    scored = without_torch("evaluate", made.dev, out, "--json")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["fine"]["micro_f1"] == 1


def test_exported_model_is_packaged_and_works_without_torch(
    coner: Coner, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, site = tmp_path / "exported", tmp_path / "site"
    report = json.loads(coner("export", trained / "run", "-o", out, "--json", "--max-drop", 100).out)
    record, original = read_record(out), read_record(trained / "run")
    assert (record.kind, record.scores, record.fingerprint) == ("onnx", original.scores, original.fingerprint)
    assert record.training["export"] == report
    done = coner("package", out, "--name", "tiny-ner", "--version", "1", "--out", tmp_path, "--json")
    assert done.code == 0, done.err
    wheel = json.loads(done.out)
    assert wheel["requires"].startswith("coner[onnx]>=")
    assert "tiny_ner/model.onnx.data" in wheel["files"]
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--target", str(site))
    subprocess.run([sys.executable, "-m", "pip", "install", *options, wheel["wheel"]], check=True)
    card = (site / "tiny_ner/README.md").read_text("utf-8")
    f1 = report["after"]["micro_f1"]
    assert f"These are scores before the export. After it, on dev.conll: micro F1 {f1:.4f} (" in card
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
    tagged, expected = (without_torch("tag", model, trained / "dev.conll") for model in ("tiny-ner", out))
    assert (tagged.code, tagged.out) == (0, expected.out), tagged.err


def test_trained_model_needs_torch(made: RandomModel) -> None:
    done = without_torch("tag", made.folder, made.dev)
    assert "a model of kind encoder needs packages that are not installed" in refusal(done)
    done = without_torch("export", made.folder, "-o", made.folder.parent / "out", "--dev", made.dev)
    assert refusal(done) == "coner: coner export needs packages that are not installed: pip install 'coner[export]'\n"


def test_report_as_json_on_the_dev_split_of_the_run(coner: Coner, trained: Path, tmp_path: Path) -> None:
    done = coner("export", trained / "run", "--int8", "-o", tmp_path / "out", "--json", "--max-drop", 100)
    assert done.code == 0, done.err
    output = json.loads(done.out)
    assert output.keys() == {*BeforeAfter.__dataclass_fields__, "drop"}
    assert (output["file"], output["sentences"], output["timed"]) == ("dev.conll", 20, 20)
    fine = read_record(trained / "run").scores["dev"].fine
    assert [output["before"][name] for name in ("micro_f1", "macro_f1")] == [fine.micro_f1, fine.macro_f1]
    assert output["after"]["what"] == "onnx, int8"
    for side in ("before", "after"):
        folder = {"before": trained / "run", "after": tmp_path / "out"}[side]
        files = [*json.loads((folder / "model.json").read_text())["files"], "model.json"]
        assert output[side]["bytes"] == sum((folder / name).stat().st_size for name in files)
        assert output[side]["sentences_per_second"] > 0
    assert load(tmp_path / "out").kind == "onnx"


def test_export_that_loses_f1_is_refused(
    coner: Coner, made: RandomModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(model: Any, *_: Any) -> Any:
        from onnx import numpy_helper

        (bias,) = (tensor for tensor in model.graph.initializer if tensor.name.endswith("emissions.bias"))
        values = numpy_helper.to_array(bias).copy()
        values[0] += 1000  # O everywhere
        bias.CopyFrom(numpy_helper.from_array(values, bias.name))
        return model

    monkeypatch.setattr("coner.families.onnx.export.graph.quantise", spoil)
    before = sorted(tmp_path.rglob("*"))
    done = coner("export", made.folder, "--int8", "-o", tmp_path / "out", "--dev", made.dev)
    assert refusal(done) == (
        "coner: dev.conll: micro F1 drops from 100.00 to 0.00 and macro F1 drops from 100.00 to 0.00; expected to lose "
        "at most 0.3 points, so nothing was written. Fix: leave out --int8, or allow more with --max-drop\n"
    )
    assert sorted(tmp_path.rglob("*")) == before
    asked = ("--max-drop", 100)
    assert coner("export", made.folder, "--int8", "-o", tmp_path / "out", "--dev", made.dev, *asked).code == 0


KILLED = """
import os, signal
from coner.families.onnx.export import run
from coner.families.onnx.tagger import OnnxTagger
save = OnnxTagger.save
def kill(*arguments, **options):
    if {written}:
        save(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
{target} = kill
"""


@pytest.mark.parametrize(("target", "written"), [("run.compare", False), ("OnnxTagger.save", True)])
def test_a_killed_export_starts_over_with_the_same_command(
    coner: Coner, made: RandomModel, tmp_path: Path, target: str, written: bool
) -> None:
    arguments = ("export", made.folder, "-o", tmp_path / "out", "--dev", made.dev)
    interpreter, flag, code, *rest = command(*arguments)
    killed = KILLED.format(target=target, written=written)
    done = subprocess.run([interpreter, flag, killed + code, *rest], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done
    assert (tmp_path / "out/model.json").exists() == written
    assert coner(*arguments).code == 0
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]
    assert load(tmp_path / "out").kind == "onnx"
    assert "already contains a model" in refusal(coner(*arguments))


@pytest.mark.skipif(os.name != "posix", reason="permissions of another kind")
@pytest.mark.parametrize("umask", [0o002, 0o022, 0o077])
def test_all_files_of_a_model_have_the_permissions_of_a_new_file(
    settings_for: Callable[..., Any], world: World, tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        made = RandomModel(settings_for(head=HEAD), tmp_path, world.dev)
        load(world.model).save(tmp_path / "crf")
    finally:
        os.umask(before)
    for folder in (made.folder, tmp_path / "crf"):
        modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
        assert modes == {0o666 & ~umask}
        assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_dir()} <= {0o777 & ~umask}


def test_tagging_reports_hardware(coner: Coner, made: RandomModel, tmp_path: Path) -> None:
    assert coner("export", made.folder, "-o", tmp_path / "out", "--dev", made.dev).code == 0
    threads = torch.get_num_threads()
    output = coner("tag", made.folder, made.dev, "-o", tmp_path / "a.conll").err
    assert re.search(rf"\d+ sentences, \d+ entities.* \(cpu, {threads} threads, encoder in b?float(16|32)\)", output)
    output = coner("tag", tmp_path / "out", made.dev, "-o", tmp_path / "b.conll").err
    assert re.search(r"\d+ sentences, \d+ entities.* \(cpu, \d+ threads, weights in float32\)", output)


def test_export_errors_are_one_line(coner: Coner, world: World, made: RandomModel, tmp_path: Path) -> None:
    out = tmp_path / "out"
    message = refusal(coner("export", world.model, "-o", out))
    assert "got a model of kind crf; expected a trained encoder" in message
    message = refusal(coner("export", made.folder, "-o", made.folder, "--dev", made.dev))
    assert "already contains a model" in message
    message = refusal(coner("export", made.folder, "-o", made.dev / "out", "--dev", made.dev))
    assert f"{made.dev}: is a file; expected a folder" in message
    message = refusal(coner("export", made.folder, "-o", out))
    assert "has no record.json that names its dev split. Fix: name a dev file with --dev FILE" in message
    assert not out.exists()


def test_changed_or_missing_dev_file_is_one_line(coner: Coner, trained: Path, tmp_path: Path) -> None:
    dev = trained / "dev.conll"
    text = dev.read_bytes()
    try:
        dev.write_bytes(text + text)
        assert "differs from the dev split of" in refusal(coner("export", trained / "run", "-o", tmp_path / "out"))
        dev.unlink()
        assert "which does not exist" in refusal(coner("export", trained / "run", "-o", tmp_path / "out"))
    finally:
        dev.write_bytes(text)


def test_dev_split_cut_from_the_training_file_is_cut_again(
    coner: Coner, trained: Path, world: World, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert run(["train", str(trained / "tiny.toml"), "--set", f"data.train={world.train}", "--out", str(out)]) == 0
    done = coner("export", out, "-o", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["sentences"] == read_record(out).data["dev"].sentences


def test_missing_packages_are_one_line(made: RandomModel, tmp_path: Path) -> None:
    assert run(["export", str(made.folder), "-o", str(tmp_path / "out"), "--dev", str(made.dev)]) == 0
    code = BLOCKED.replace('"torch", ', '"torch", "onnxruntime", ')
    interpreter, flag, main, *rest = command("tag", tmp_path / "out", made.dev)
    done = subprocess.run([interpreter, flag, code + main, *rest], capture_output=True, check=False, text=True)
    expected = "coner: a model of kind onnx needs packages that are not installed: pip install 'coner[onnx]'\n"
    assert refusal(Completed(done.returncode, done.stdout, done.stderr)) == expected
    assert sys.executable == interpreter
