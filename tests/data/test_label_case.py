"""Labels that differ in case only are one label, unless that is ambiguous."""

from __future__ import annotations

from pathlib import Path

import pytest

from coner.data import read
from coner.data.label_case import in_case_of, other_case, rename_hint


@pytest.mark.parametrize(
    ("labels", "known", "expected"),
    [
        (["per", "LOC"], ["PER", "LOC"], {"per": "PER"}),
        (["per"], ["PER", "Per"], {}),  # which of them?
        (["per", "PER"], ["PER"], {"per": "PER"}),
        (["PERSON"], ["PER"], {}),
        ([], ["PER"], {}),
    ],
)
def test_a_label_gets_the_case_of_the_only_known_one(
    labels: list[str], known: list[str], expected: dict[str, str]
) -> None:
    assert other_case(labels, known) == expected


def test_predictions_in_lower_case_are_those_of_gold(tmp_path: Path) -> None:
    (tmp_path / "gold.conll").write_text("ann B-Per\nsaw O\nbasel B-LOC\nx B-MISC\n")
    (tmp_path / "predicted.conll").write_text("ann b-per\nsaw o\nbasel b-loc\nx b-other\n")
    gold, predicted = (read(tmp_path / f"{name}.conll") for name in ("gold", "predicted"))
    found = in_case_of(predicted, gold)
    assert [e.label for e in found[0].entities or ()] == ["Per", "LOC", "other"]
    assert found.notes == ("labels are read in the case of gold: loc as LOC, per as Per",)
    assert in_case_of(gold, gold) is gold


def test_the_hint_can_be_pasted() -> None:
    assert rename_hint(["my loc", "x"], ["My Loc"]) == ". Fix: if they differ in case only, --rename 'my loc=My Loc'"
    assert rename_hint(["x"], ["y"]) == ""
