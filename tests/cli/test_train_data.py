"""``coner train`` on data without a config, and with built-in configs and shortcuts; ``coner config``."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coner.config.load import BUILTIN
from coner.data import read
from coner.data.formats import formats
from coner.families.encoder import suitability
from coner.families.registry import kinds
from coner.families.settings import parse_experiment
from coner.records.record import read_record
from helpers.shell import Completed, World, refusal

Coner = Callable[..., Completed]
SMALL = ("--set", "crf.clusters=[]", "--set", "crf.max_iterations=3", "--set", "crf.c2=0.01")


def test_data_are_trained_by_the_same_run_as_a_config(coner: Coner, world: World, out: Path) -> None:
    same = ("--set", "crf.clusters=[]", "--set", "crf.max_iterations=25", "--set", "crf.c2=0.01")
    done = coner("train", world.train, "--dev", world.dev, "--test", world.dev, "--family", "crf", *same, "--out", out)
    assert (done.code, "because" in done.err) == (0, False)
    ours, theirs = read_record(out), read_record(world.model)
    assert (ours.fingerprint, ours.scores["dev"], ours.name) == (theirs.fingerprint, theirs.scores["dev"], "out")
    assert set(ours.scores) == {"dev", "test"}


def test_the_family_is_chosen_printed_and_recorded(
    coner: Coner, world: World, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suitability, "find_spec", lambda _name: None)
    started: list[Any] = []
    monkeypatch.setattr("coner.cli.train.run_recipe", lambda recipe, *_, cache, **__: started.append((recipe, cache)))
    done = coner("train", world.train, "--dev", world.dev, "--seed", 7, "--out", out / "first")
    [(recipe, cache)] = started
    reason = "an encoder needs torch, which is not installed"
    assert (done.code, done.err) == (0, f"family crf, because {reason}; others: encoder, span\n")
    assert (recipe.settings.kind, recipe.settings.seed, recipe.settings.name) == ("crf", 7, "first")
    assert recipe.read(cache).splits["train"] is cache.read(recipe.settings.data)[0]["train"]  # read once
    assert len(cache.inputs) == 1


def test_a_folder_of_another_format_is_trained(coner: Coner, world: World, out: Path) -> None:
    corpus = read(world.train)
    notes = out / 'Bücher "neu" 📚'
    formats["brat"].write(corpus, notes)
    done = coner("train", notes, "--test", notes, *SMALL, "--out", out / "run")
    assert (done.code, "family crf, because [crf] is set; others: encoder, span" in done.err) == (0, True)
    data = read_record(out / "run").data
    assert data["train"].sentences + data["dev"].sentences == len(corpus)


def test_options_are_short_for_settings_of_a_built_in_config(
    coner: Coner, world: World, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(out)
    files = ("--train", world.train, "--dev", world.dev)
    assert coner("train", "crf", *files, *SMALL, "--seed", "3", "--out", "run").code == 0
    record = read_record(out / "run")
    assert (record.name, record.seed, record.data["train"].sentences) == ("crf", 3, 60)
    Path("crf").write_bytes(world.train.read_bytes())  # now it is data
    assert coner("train", "crf", "--dev", world.dev, *SMALL, "--out", "other").code == 0
    assert read_record(out / "other").name == "other"


ENCODER = ("--encoder", "minilm")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none.conll",), "none.conll: no such file; expected data, a config (.toml), or a built-in config: best, "),
        (("none.toml",), "none.toml: cannot be read"),
        (("crf",), "data.train: not set"),
        (("TRAIN", "--family", "llm"), "kind: got 'llm', which has nothing to train; expected one of: crf, encoder"),
        (("TRAIN", "--family", "rnn"), "kind: got 'rnn'; expected one of: crf, encoder"),
        (("TRAIN", "--family", "crf", *ENCODER), "--encoder: got kind crf; expected encoder or span"),
        (("TRAIN", "--family", "span", "--trials", "2"), "--trials: got kind span; expected crf"),
        (("TRAIN", "--trials", "2", *ENCODER), "got settings crf, encoder, which no kind has together"),
        (("TRAIN", "--train", "x.conll"), "data.train: got another file than the argument "),
        (("TRAIN", "--set", "data.train=x.conll"), "data.train: got another file than the argument "),
        (("TRAIN", "--set", "kind=crf", "--family", "crf"), "--family: kind is set by --set too; expected one of"),
        (("TRAIN", "--seed", "5", "--set", "seed=4"), "--seed: seed is set by --set too; expected one of the two"),
        (("TRAIN", "--set", "data.dev_share=2"), "data.dev_share: input should be less than 1, got 2"),
        (("crf", "--family", "crf"), "--family: got a config, crf, which has a kind; expected data as the argument"),
        (("crf", *ENCODER), "--encoder: got kind crf; expected encoder or span"),
        (("-", "--family", "crf"), "-: no such file; expected data"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_combination_is_one_line(
    coner: Coner, world: World, out: Path, arguments: tuple[str, ...], message: str
) -> None:
    arguments = tuple(argument.replace("TRAIN", str(world.train)) for argument in arguments)
    assert message in refusal(coner("train", *arguments, "--out", out / "run"))
    assert not (out / "run").exists()


def test_config_lists_kinds_and_built_in_configs(coner: Coner) -> None:
    lines = [line.split() for line in coner("config").out.splitlines()]
    assert [line[0] for line in lines[1:5]] == kinds(configurable=True)
    names = {path.stem for path in BUILTIN.glob("*.toml")} - set(kinds(configurable=True))
    assert {line[0] for line in lines[6:]} == names


@pytest.mark.parametrize("kind", kinds(configurable=True))
def test_config_of_a_kind_can_be_trained_as_it_is(coner: Coner, kind: str) -> None:
    values = tomllib.loads(coner("config", kind).out)
    needed = {"llm": {**values["llm"], "model": "x"}} if "llm" in values else {}
    assert parse_experiment({**values, **needed}).kind == kind


def test_config_prints_a_built_in_one_as_it_is(coner: Coner) -> None:
    assert coner("config", "paper").out == (BUILTIN / "paper.toml").read_text()
    assert "got 'papr'; expected a run folder, or one of: crf, " in refusal(coner("config", "papr"))


def test_config_of_a_run_repeats_it(coner: Coner, world: World, out: Path) -> None:
    again = out / "again.toml"
    again.write_text(coner("config", world.model).out)
    files = ("--set", f"data.train={world.train}", "--set", f"data.dev={world.dev}")
    assert coner("train", again, *files, "--out", out / "run").code == 0
    assert read_record(out / "run").fingerprint == read_record(world.model).fingerprint
