"""One run: built once, evaluated on every split, resumed after an interruption, never mixed with another."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import ConfigError, DataError
from coner.data import write_conll
from coner.data.splits import Inputs, SplitCache
from coner.families.crf import CrfFamily
from coner.families.family import Built, Place
from coner.families.recipe import Recipe, Training
from coner.families.settings import parse_trainable
from coner.records.record import read_record
from coner.runs import execute as running
from coner.runs.execute import execute
from helpers.small import CORPUS, SETTINGS, small_crf

Settings = Callable[..., Training]


@pytest.fixture
def recipe(tmp_path: Path) -> Settings:
    for name in ("train", "dev", "test", "other"):
        with (tmp_path / f"{name}.conll").open("w", encoding="utf-8", newline="") as handle:
            write_conll(CORPUS if name != "other" else CORPUS[:6], handle)

    def make(**changes: Any) -> Training:
        files = {name: str(tmp_path / f"{changes.pop(name, name)}.conll") for name in ("train", "dev", "test")}
        return Training(parse_trainable({"kind": "crf", "name": "mine", "crf": SETTINGS, "data": files, **changes}))

    return make


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that a tagger was fitted for."""
    folders: list[Path] = []
    fit = CrfFamily.fit
    monkeypatch.setattr(CrfFamily, "fit", lambda *args: folders.append(args[2].folder) or fit(*args))
    return folders


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_a_run_builds_evaluates_and_records(recipe: Settings, tmp_path: Path) -> None:
    record = execute(recipe(), tmp_path / "run")
    assert record == read_record(tmp_path / "run")
    assert (record.name, record.kind, list(record.scores)) == ("mine", "crf", ["dev", "test"])
    assert all(scores.fine.micro_f1 == 1 for scores in record.scores.values())
    assert record.fingerprint == recipe().fingerprint(recipe().read(SplitCache()))
    assert record.time.train_seconds is not None and record.time.of("test").seconds is not None
    log = (tmp_path / "run/log.txt").read_text(encoding="utf-8").splitlines()
    assert log[0].startswith("mine: train 12 sentences, dev 12 sentences, test 12 sentences; taxonomy")
    assert log[-2:] == ["dev: micro F1 1.0000, macro F1 1.0000", "test: micro F1 1.0000, macro F1 1.0000"]


def test_a_finished_run_is_not_repeated(recipe: Settings, fits: list[Path], tmp_path: Path) -> None:
    first = execute(recipe(), tmp_path / "run")
    before = stamps(tmp_path / "run")
    assert execute(recipe(name="renamed"), tmp_path / "run") == first
    assert stamps(tmp_path / "run") == before
    assert fits == [tmp_path / "run"]
    execute(recipe(), tmp_path / "run", overwrite=True)
    assert len(fits) == 2


def test_a_killed_evaluation_resumes_with_the_model_that_was_built(
    recipe: Settings, fits: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = execute(recipe(), tmp_path / "whole")
    tag_all, titles = running.tag_all, list[str]()

    def killed(tagger: Any, sentences: Any, title: str) -> Any:
        titles.append(title)
        if title == "tagging test":
            raise KeyboardInterrupt
        return tag_all(tagger, sentences, title)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(running, "tag_all", killed)
        execute(recipe(), tmp_path / "run")
    assert titles == ["tagging dev", "tagging test"]
    assert list(read_record(tmp_path / "run").scores) == ["dev"]
    titles.clear()
    monkeypatch.setattr(running, "tag_all", lambda *args: titles.append(args[2]) or tag_all(*args))
    record = execute(recipe(), tmp_path / "run")
    assert titles == ["tagging test"]
    assert record.scores == whole.scores
    assert fits == [tmp_path / "whole", tmp_path / "run"]


def test_a_killed_training_starts_again(recipe: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> Built:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(CrfFamily, "fit", killed)
        execute(recipe(), tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["log.txt"]
    assert list(execute(recipe(), tmp_path / "run").scores) == ["dev", "test"]


@pytest.mark.parametrize(
    "change",
    [{"seed": 7}, {"crf": {**SETTINGS, "c2": 1.0}}, dict.fromkeys(("train", "dev", "test"), "other"), {"dev": "other"}],
)
def test_other_settings_or_data_are_refused(recipe: Settings, tmp_path: Path, change: dict[str, Any]) -> None:
    execute(recipe(), tmp_path / "run")
    before = stamps(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"contains a finished run with other settings or data\. Fix: choose another"):
        execute(recipe(**change), tmp_path / "run")
    assert stamps(tmp_path / "run") == before


def test_another_test_file_is_refused(recipe: Settings, tmp_path: Path) -> None:
    execute(recipe(), tmp_path / "run")
    with pytest.raises(ConfigError, match=r"data\.test: the finished run in .* was evaluated on another file than"):
        execute(recipe(test="other"), tmp_path / "run")


def test_other_test_files_of_a_union_are_named_one_by_one(tmp_path: Path) -> None:
    def file(name: str, text: str, label: str) -> str:
        (tmp_path / name).write_text(f"{text} B-{label}\nsang O\n", encoding="utf-8")
        return str(tmp_path / name)

    train, dev, test = (file(f"{split}.conll", f"{split}x", "Artist") for split in ("train", "dev", "test"))
    cities = {split: file(f"city_{split}.conll", f"{split}y", "City") for split in ("train", "dev", "test")}
    data = {"train": train, "dev": dev, "test": test, "union": [cities]}
    run = Training(parse_trainable({"kind": "crf", "crf": SETTINGS, "data": data}))
    execute(run, tmp_path / "run")
    file("city_test.conll", "other", "City")
    place = tmp_path / "run"
    fix = f"Fix: coner evaluate {test} {place} and coner evaluate {cities['test']} {place}"
    with pytest.raises(ConfigError, match=re.escape(fix)):
        execute(run, place)


def test_an_error_before_the_build_leaves_no_folder(recipe: Settings, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        execute(recipe(dev="missing"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_cache_reads_the_data_once(recipe: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from coner.data import splits

    read_splits, calls = splits.read_splits, list[object]()
    monkeypatch.setattr(splits, "read_splits", lambda data, **more: calls.append(data) or read_splits(data, **more))
    cache = SplitCache()
    for seed in (1, 2):
        execute(recipe(seed=seed), tmp_path / str(seed), cache=cache)
    assert len(calls) == 1


class Borrowed(Recipe):
    """A recipe that saves a tagger instead of fitting one, as vote and hybrid do."""

    def __init__(self, base: Training, *, rebuild: bool = False) -> None:
        self.settings, self.base, self.rebuild = base.settings, base, rebuild
        self.built = 0

    def read(self, cache: SplitCache) -> Inputs:
        return self.base.read(cache)

    def identity(self, inputs: Inputs) -> dict[str, Any]:
        return {"splits": sorted(inputs.splits)}

    def build(self, inputs: Inputs, place: Place) -> Built:
        self.built += 1
        place.claim()
        tagger = small_crf()
        tagger.save(place.folder)
        return Built(tagger, {"origin": "borrowed"})


@pytest.fixture
def borrowed(recipe: Settings) -> Iterator[Callable[..., Borrowed]]:
    yield lambda **options: Borrowed(recipe(), **options)


def test_a_recipe_decides_what_is_built_and_what_identifies_it(
    borrowed: Callable[..., Borrowed], tmp_path: Path
) -> None:
    first, second = borrowed(), borrowed()
    record = execute(first, tmp_path / "run")
    assert record.training["origin"] == "borrowed"
    assert list(record.scores) == ["dev", "test"]
    execute(second, tmp_path / "run")
    assert (first.built, second.built) == (1, 0)


def test_a_recipe_that_rebuilds_keeps_its_scores(borrowed: Callable[..., Borrowed], tmp_path: Path) -> None:
    record = execute(borrowed(rebuild=True), tmp_path / "run")
    again = borrowed(rebuild=True)
    (tmp_path / "run/model.json").unlink()
    assert execute(again, tmp_path / "run").scores == record.scores
    assert again.built == 1
    assert json.loads((tmp_path / "run/model.json").read_text(encoding="utf-8"))["kind"] == "crf"
