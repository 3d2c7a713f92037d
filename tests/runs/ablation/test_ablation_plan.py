"""The plan of an ablation: its rows and their settings, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from coner.config.load import BUILTIN, load_values
from coner.core.errors import ConfigError
from coner.runs.ablation.plan import check_settings, load_plan, names, parse_plan

COMPONENTS = {  # of the published method; others need no row
    "mix": {"last", "concat", "weighted"},
    "context": {"none", "mlp", "bilstm"},
    "blend": {"none", "concat", "average", "learned", "gate", "convolution"},
    "decoder": {"softmax", "valid", "crf"},
    "loss": {"cross_entropy", "weighted", "focal"},
}
CONFIGS = sorted(BUILTIN.glob("paper*.toml"))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_packaged_row_can_be_trained_and_differs_from_what_it_is_compared_with(config: Path) -> None:
    base = load_values(config)
    for name in names():
        plan = load_plan(name)
        settings = check_settings(plan, base, str(config))
        values = {row: made.model_dump(exclude={"name"}) for row, made in settings.items()}
        same = [row.name for row in plan.rows.values() if values[row.name] == values[row.against]]
        assert set(same) - {"full"} <= {"auxiliary-by-step"} & {"auxiliary-by-step" if "by-step" in config.stem else ""}


def test_the_plan_of_the_paper_tries_every_component_of_every_slot() -> None:
    plan, base = load_plan("paper"), load_values(CONFIGS[0])
    settings = [made for made in check_settings(plan, base, "config").values() if made.kind == "encoder"]
    tried = {slot: {getattr(made.head, slot) for made in settings} for slot in COMPONENTS}
    assert tried == COMPONENTS
    assert {made.encoder.pooling for made in settings} == {"first", "mean", "first_last"}
    assert {made.auxiliary.schedule for made in settings} == {"none", "constant", "linear", "residual"}


def test_a_row_changes_the_settings_of_the_row_that_it_is_compared_with() -> None:
    plan = parse_plan(
        {
            "row": [
                {"name": "a", "set": {"head": {"blend": "gate"}}},
                {"name": "b", "against": "a", "set": {"head": {"dropout": 0.3}}},
            ]
        },
        "list.toml",
    )
    base = {"kind": "encoder", "head": {"blend": "none", "dropout": 0.1}}
    assert plan.settings(base, "full") == {**base, "name": "full"}
    assert plan.settings(base, "b") == {"kind": "encoder", "name": "b", "head": {"blend": "gate", "dropout": 0.3}}
    assert base["head"] == {"blend": "none", "dropout": 0.1}


def test_chosen_rows_include_those_that_they_are_compared_with() -> None:
    plan = load_plan("paper")
    assert list(plan.choose(["loss-focal"]).rows) == ["full", "decoder-valid", "loss-focal"]
    assert plan.choose([]) is plan
    with pytest.raises(ConfigError, match="--rows: got 'blend'; expected any of: full, plain"):
        plan.choose(["blend"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"name": "a"}, {"name": "a"}], r"list: row 2: got 'a' twice"),
        (
            [{"name": "a", "against": "b"}],
            r"list: row 'a': against: got 'b', which does not lead to 'full'; expected one of: full",
        ),
        (
            [{"name": "a", "against": "b"}, {"name": "b", "against": "a"}],
            "against: got 'a', which does not lead to 'full'",
        ),
        ([{"name": "../a"}], r"list: row 1: name: .*expected name, about, against, set"),
        ([{"name": "a", "sets": {}}], r"list: row 1: sets: "),
        ([{"name": "full", "set": {"seed": 1}}], "'full': got changes; expected none"),
        (3, r"expected only \[\[row\]\] tables"),
    ],
)
def test_a_faulty_plan_is_refused_with_its_row(rows: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_plan({"row": rows}, "list")


def test_a_row_with_an_unknown_setting_is_refused_before_anything_is_trained() -> None:
    plan = parse_plan({"row": [{"name": "a", "set": {"head": {"glue": 1}}}]}, "list")
    with pytest.raises(ConfigError, match=r"config: row 'a': head.glue: no such setting"):
        check_settings(plan, {"kind": "encoder"}, "config")


def test_an_unknown_plan_lists_the_packaged_ones() -> None:
    with pytest.raises(
        ConfigError, match="--plan: got 'nothing', which is not a file; expected a TOML file, or one of: paper"
    ):
        load_plan("nothing")
