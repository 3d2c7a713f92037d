"""Which family is trained on data without a config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import ConfigError, DataError
from coner.core.types import Sentence
from coner.families.encoder import suitability
from coner.families.encoder.suitability import latin_share
from coner.families.settings import parse_trainable
from coner.runs import choice
from coner.runs.choice import choose_by_data, choose_by_settings, read_source, with_kind

WORDS = ("Nina", "simone", "sang", "here")
LATIN = [Sentence(WORDS)] * 5


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what is installed, the number of cores and whether there is an accelerator."""

    def set_up(*, missing: str = "", cores: int = 2, accelerator: bool = False) -> None:
        monkeypatch.setattr(suitability, "find_spec", lambda name: None if name == missing else object())
        monkeypatch.setattr(suitability.processes, "available_cores", lambda: cores)
        monkeypatch.setattr(suitability, "has_accelerator", lambda: accelerator)

    return set_up


def test_an_encoder_is_chosen_if_it_is_installed(machine: Any) -> None:
    machine()
    assert choose_by_data(LATIN) == choice.Choice("encoder", "20 words on 2 cores take about 1 min")
    for name in suitability.NEEDS:
        machine(missing=name, accelerator=True)
        assert choose_by_data(LATIN) == choice.Choice("crf", f"an encoder needs {name}, which is not installed")


def test_a_crf_is_chosen_for_other_scripts(machine: Any) -> None:
    machine(accelerator=True)
    other = [Sentence(("北京", "大学", "in", "2020"))]
    chosen = choose_by_data(other)
    assert chosen == choice.Choice("crf", "67% of the letters are not Latin, and the default encoder knows English")
    assert latin_share(other) == pytest.approx(2 / 6)
    assert latin_share([Sentence(("Björk", "Þór", "naïve"))]) == latin_share([Sentence(("2020", "."))]) == 1
    assert latin_share([Sentence(("ПриветÉ",))]) == pytest.approx(1 / 7)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_crf_is_chosen_if_an_encoder_would_take_too_long(
    precision: str, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suitability, "cpu_precision", lambda: precision)
    speed = suitability.WORDS_PER_SECOND[precision]
    hour = int(suitability.PATIENCE * speed / suitability.PASSES / len(WORDS))  # sentences, on one core
    for cores, sentences, kind in (
        (1, hour, "encoder"),
        (1, hour + 1, "crf"),
        (2, 2 * hour, "encoder"),
        (2, 3 * hour, "crf"),
    ):
        machine(cores=cores)
        assert choose_by_data([LATIN[0]] * sentences).kind == kind
    machine(cores=2)
    assert (
        choose_by_data([LATIN[0]] * (3 * hour)).reason
        == f"{12 * hour:,} words on 2 cores would take an encoder about 1.5 h"
    )
    machine(cores=1, accelerator=True)
    assert choose_by_data([LATIN[0]] * (hour + 1)) == choice.Choice("encoder", "there is an accelerator")


def test_several_processes_train_an_encoder(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(missing="torch")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert choose_by_data(LATIN) == choice.Choice("encoder", "3 processes train together")


@pytest.mark.parametrize(
    ("sections", "kind"),
    [((), None), (("crf",), "crf"), (("train",), "encoder"), (("encoder", "head"), "encoder"), (("span",), "span")],
)
def test_a_section_that_is_set_chooses_its_family(sections: tuple[str, ...], kind: str | None) -> None:
    chosen = choose_by_settings({"name": "x", "seed": 1, "data": {}, **{section: {} for section in sections}})
    assert (chosen and chosen.kind) == kind
    assert chosen is None or chosen.reason == f"[{sections[0]}] is set"


def test_sections_of_different_families_are_an_error() -> None:
    with pytest.raises(
        ConfigError, match="got settings crf, train, which no kind has together; expected those of one of"
    ):
        choose_by_settings({"crf": {}, "train": {}})


def test_a_source_is_a_config_or_data(tmp_path: Path) -> None:
    data = tmp_path / "train.conll"
    data.write_text("a B-X\n")
    assert read_source(data, "run") == {"name": "run", "data": {"train": str(data)}}
    assert read_source("span", "run") == {"kind": "span", "name": "span"}
    assert read_source(tmp_path, "run")["data"]["train"] == str(tmp_path)  # a folder
    with pytest.raises(
        DataError, match=r"none\.conll: no such file; expected data, a config \(\.toml\), or a built-in"
    ):
        read_source(tmp_path / "none.conll", "run")


def test_an_encoder_gets_enough_steps_and_rates_for_its_size(machine: Any) -> None:
    machine()
    few, many = [Sentence(WORDS)] * 100, [Sentence(WORDS)] * 13_000
    lines: list[str] = []

    def settings(values: dict[str, Any], train: list[Sentence]) -> Any:
        chosen = with_kind(values, lambda _: train, source="test", log=lines.append)  # type: ignore[arg-type]
        return parse_trainable(chosen, "test")

    chosen = settings({}, few)
    assert (chosen.head.decoder, chosen.train.batch, chosen.train.epochs) == ("crf", 16, 58)  # 406 steps
    assert (chosen.train.patience, chosen.train.average) == (19, 0.999)
    assert "train.epochs=58" in lines[-1]
    assert (settings({}, many).train.batch, settings({}, many).train.epochs) == (32, 8)
    rates = [settings({"encoder": {"name": name}}, few).train.groups["encoder"].rate for name in ("minilm", "mpnet")]
    assert rates == [1.5e-4, 5e-5]
    own = {"kind": "encoder", "train": {"epochs": 3, "groups": {"head": {"rate": 1e-3}}}, "head": {"dropout": 0.3}}
    chosen = settings(own, few)  # what is set stays
    assert (chosen.train.epochs, chosen.train.groups["head"].rate, chosen.train.patience) == (3, 1e-3, 0)
    assert chosen.train.average == 0
    assert settings({"kind": "encoder", "train": {"average": 0}}, few).train.average == 0


@pytest.mark.parametrize("values", [{"train": {"batch": "x"}}, {"train": 3}, {"encoder": {"name": ["a"]}}])
def test_wrong_settings_are_refused_and_not_suggested_over(machine: Any, values: dict[str, Any]) -> None:
    machine()
    log: Any = list[str]().append
    with pytest.raises(ConfigError):
        parse_trainable(with_kind({"kind": "encoder", **values}, lambda _: LATIN, source="test", log=log), "test")
