"""Parameter groups, layer-wise decay, warm-up, and how often dev is scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from coner.core.errors import ConfigError
from coner.families.encoder.backbone.pretrained import load_encoder
from coner.families.encoder.training.schedule import Schedule, evaluation_interval, group_parameters
from coner.families.encoder.training.settings import GroupSettings, TrainSettings
from helpers import tiny


def group(rate: float, *match: str, **more: float) -> GroupSettings:
    return GroupSettings(rate=rate, match=match, **more)


class Whole(nn.Module):
    """A module with an encoder under the name that it has in a network."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.emissions = nn.Linear(2, 2)


def test_first_matching_group_takes_a_parameter_and_vectors_are_not_decayed() -> None:
    module = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    groups = group_parameters(module, {"x": group(1, "a.*"), "y": group(2, "*", weight_decay=0.5)}, layers=0)
    found = {name: (g.rate, g.weight_decay) for g in groups for name, _ in g.parameters}
    assert found == {"a.weight": (1, 0.01), "a.bias": (1, 0), "b.weight": (2, 0.5), "b.bias": (2, 0)}


def test_parameter_without_a_group_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"train.groups: parameter 'b.weight' is in no group"):
        group_parameters(nn.ModuleDict({"b": nn.Linear(1, 1)}), {"x": group(1, "a.*")}, layers=0)


def test_frozen_parameters_are_in_no_group() -> None:
    module = nn.Linear(2, 2)
    module.bias.requires_grad_(False)
    (only,) = group_parameters(module, {"x": group(1, "*")}, layers=0)
    assert [name for name, _ in only.parameters] == ["weight"]


@pytest.mark.parametrize("architecture", sorted(tiny.MAKERS))
def test_rates_decay_by_layer(architecture: str, tiny_encoder: Callable[[str], Path]) -> None:
    whole = Whole(load_encoder(str(tiny_encoder(architecture)))[0])
    groups = {"encoder": group(8.0, "encoder.*", layer_decay=0.5), "head": group(9.0, "emissions.*")}
    rates = {n: g.rate for g in group_parameters(whole, groups, layers=3) for n, _ in g.parameters}
    seen = {}
    for name, rate in rates.items():
        layer = next((part for part in name.split(".") if part.isdigit()), None)
        seen.setdefault("head" if "emissions" in name else "embeddings" if "embeddings" in name else layer, set()).add(
            rate
        )
    assert seen["head"] == {9.0}
    assert (seen["2"], seen["1"], seen["0"], seen["embeddings"]) == ({8.0}, {4.0}, {2.0}, {1.0})
    # All layers use the relative positions; the final norm belongs to the top layer.
    assert {n: r for n, r in rates.items() if "rel" in n} == dict.fromkeys((n for n in rates if "rel" in n), 1.0)
    assert {n: r for n, r in rates.items() if "final_norm" in n} == dict.fromkeys(
        (n for n in rates if "final_norm" in n), 8.0
    )


def test_rates_rise_during_warmup_and_reach_zero_after_the_last_step() -> None:
    schedule = Schedule((), epochs=1, warmup=0.1)
    factors = [schedule.factor(step, steps=100) for step in range(100)]
    assert factors[:10] == pytest.approx([0.1 * i for i in range(1, 11)])
    assert factors[10] == 1
    assert factors[10:] == pytest.approx([1 - i / 90 for i in range(90)])
    assert [Schedule((), epochs=1, warmup=0).factor(step, steps=4) for step in range(4)] == [1, 0.75, 0.5, 0.25]


def test_overriding_one_rate_keeps_the_other_groups() -> None:
    groups = TrainSettings.model_validate({"groups": {"head": {"rate": 1e-2}}}).groups
    assert groups["head"].rate == 1e-2
    assert groups["head"].match == TrainSettings().groups["head"].match
    assert groups["encoder"] == TrainSettings().groups["encoder"]


def test_new_groups_come_before_the_default_ones() -> None:
    groups = TrainSettings.model_validate({"groups": {"crf": {"match": ["decoder.*"], "rate": 1e-2}}}).groups
    assert next(iter(groups)) == "crf"


def test_times_replaces_the_rate_in_a_new_group() -> None:
    groups = TrainSettings.model_validate({"groups": {"crf": {"match": ["emissions.*"], "times": 10}}}).groups
    (found, _) = group_parameters(nn.ModuleDict({"emissions": nn.Linear(2, 2)}), groups, layers=0)
    assert found.rate == pytest.approx(3e-4)
    for neither in ({}, {"times": 0}):
        with pytest.raises(ValueError, match=r"groups.crf.rate\n  Field required"):
            TrainSettings.model_validate({"groups": {"crf": {"match": ["emissions.*"], **neither}}})


@pytest.mark.parametrize(
    ("train", "dev", "interval"), [(9000, 1000, 1), (1000, 750, 1), (1000, 751, 2), (1000, 3800, 6)]
)
def test_dev_is_scored_so_often_that_it_takes_about_a_fifth_of_the_time(train: int, dev: int, interval: int) -> None:
    assert evaluation_interval(train=train, dev=dev) == interval
