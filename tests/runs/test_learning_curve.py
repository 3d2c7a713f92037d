"""The runs of a learning curve: sizes, samples and settings; none is repeated, and a stop changes nothing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import ConfigError, DataError
from coner.data.splits import SplitCache
from coner.records.ablation import FAILED
from coner.records.record import read_record
from coner.runs import several
from coner.runs.learning_curve import CurveRun, finished, parse_fractions, run_all, runs_of
from helpers import SAMPLE
from helpers.shell import head

FRACTIONS = (Fraction(1, 4), Fraction(1, 2), Fraction(1))


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    """Settings of a CRF that trains in no time."""
    for split, sentences in (("train", 40), ("dev", 10)):
        (tmp_path / f"{split}.conll").write_text(head(SAMPLE / f"{split}.conll", sentences), encoding="utf-8")
    data = {"train": str(tmp_path / "train.conll"), "dev": str(tmp_path / "dev.conll")}
    crf = {"algorithm": "sgd", "max_iterations": 2, "clusters": [], "thresholds": []}
    return {"kind": "crf", "name": "x", "seed": 5, "data": data, "crf": crf}


def plan(values: dict[str, Any], *, seeds: int = 2, cache: SplitCache | None = None) -> list[CurveRun]:
    return runs_of(values, FRACTIONS, seeds=seeds, source="test", cache=cache or SplitCache())


def content(folder: Path) -> dict[str, bytes]:
    """The tagged dev files and models of the runs, which have no times in them."""
    files = [*folder.glob("*/tagged.dev.jsonl"), *folder.glob("*/*.npz")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_runs_are_nested_samples_with_the_seed_of_the_run_and_all_sentences_last(values: dict[str, Any]) -> None:
    cache = SplitCache()
    runs = plan(values, cache=cache)
    assert [run.folder for run in runs] == [f"take-{size}.{seed}" for seed in (5, 6) for size in (10, 20, 40)]
    assert {run.settings.seed for run in runs[:3]} == {5} and runs[0].settings.name == "take-10"
    texts = [{s.words for s in cache.read(run.settings.data)[0]["train"].corpus} for run in runs]
    assert texts[0] < texts[1] < texts[2] == texts[5] and texts[0] != texts[3]
    assert [runs[2].settings.data.take, runs[2].settings.data.take_seed] == [0, None]  # as in coner train


def test_of_a_limited_training_split_the_largest_sample_is_drawn_with_each_seed_too(values: dict[str, Any]) -> None:
    values["data"]["take"] = 20
    cache = SplitCache()
    runs = plan(values, cache=cache)
    assert [run.settings.data.take for run in runs[:3]] == [5, 10, 20]
    one, two = ({s.words for s in cache.read(run.settings.data)[0]["train"].corpus} for run in (runs[2], runs[5]))
    assert len(one) == len(two) == 20 and one != two


def test_a_test_file_is_never_evaluated(values: dict[str, Any]) -> None:
    values["data"]["test"] = values["data"]["dev"]
    assert all(run.settings.data.test is None for run in plan(values))


def test_the_family_is_chosen_once_and_the_epochs_for_each_size(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from coner.runs import choice

    sizes: list[int] = []

    def choose(train: Any) -> choice.Choice:
        sizes.append(len(train))
        return choice.Choice("encoder", "of a test")

    monkeypatch.setattr(choice, "choose_by_data", choose)
    del values["kind"], values["crf"]
    runs = plan(values, seeds=1)
    assert sizes == [40]
    epochs = [run.settings.train.epochs for run in runs]  # type: ignore[attr-defined]
    assert epochs[0] > epochs[1] > epochs[2]  # at least 400 steps of each


def test_a_resumed_curve_is_the_same_and_repeats_no_run(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, cache = plan(values), SplitCache()
    assert len(run_all(runs, tmp_path / "whole", cache).finished) == 6
    trained: list[str] = []
    execute = several.execute

    def stopping(recipe: Any, folder: Path, **options: Any) -> Any:
        if len(trained) == 3:
            raise KeyboardInterrupt
        if not (folder / "record.json").exists():
            trained.append(folder.name)
        return execute(recipe, folder, **options)

    monkeypatch.setattr(several, "execute", stopping)
    with pytest.raises(KeyboardInterrupt):
        run_all(runs, tmp_path / "stopped", cache)
    first = list(trained)
    del trained[:]
    assert [len(records) for records in finished(runs, tmp_path / "stopped").values()] == [1, 1, 1]
    run_all(runs, tmp_path / "stopped", cache)
    assert first + trained == [run.folder for run in runs]
    assert content(tmp_path / "stopped") == content(tmp_path / "whole") and len(content(tmp_path / "whole")) >= 12
    scores = [
        {fraction: [record.scores["dev"] for record in each] for fraction, each in finished(runs, folder).items()}
        for folder in (tmp_path / "whole", tmp_path / "stopped")
    ]
    assert scores[0] == scores[1]


def test_a_failed_run_is_named_and_tried_again(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, execute = plan(values, seeds=1), several.execute

    def failing(recipe: Any, folder: Path, **options: Any) -> Any:
        if folder.name == "take-20.5":
            raise DataError("out of luck")
        return execute(recipe, folder, **options)

    monkeypatch.setattr(several, "execute", failing)
    outcome = run_all(runs, tmp_path / "out", SplitCache())
    assert outcome.failed == {"take-20.5": "out of luck"} and list(finished(runs, tmp_path / "out")) == [
        Fraction(1, 4),
        Fraction(1),
    ]
    monkeypatch.undo()
    assert run_all(runs, tmp_path / "out", SplitCache()).failed == {}
    assert not (tmp_path / "out" / "take-20.5" / FAILED).exists()


def test_another_folder_is_needed_for_other_settings(values: dict[str, Any], tmp_path: Path) -> None:
    run_all(plan(values, seeds=1), tmp_path, SplitCache())
    values["crf"]["c2"] = 0.3
    with pytest.raises(ConfigError, match=r"contains a finished run with other settings or data"):
        run_all(plan(values, seeds=1), tmp_path, SplitCache())


def test_a_run_can_be_repeated_from_its_record(values: dict[str, Any], tmp_path: Path) -> None:
    run = plan(values, seeds=1)[0]
    run_all([run], tmp_path, SplitCache())
    data = read_record(tmp_path / run.folder).settings["data"]
    assert (data["take"], data["take_seed"]) == (10, 5)


@pytest.mark.parametrize("text", ["1/4,1/2", "0.25 0.5 1", "1/4, 0.5, 1/2"])
def test_fractions_have_many_spellings_and_all_is_always_one(text: str) -> None:
    assert parse_fractions(text) == FRACTIONS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected at least 3, 1 among them"),
        ("1/2,1", "expected at least 3"),
        ("1/2,half", "got 'half'; expected fractions such as 1/8"),
        ("1/2,1/0", "got '1/0'"),
        ("1/2,nan", "got 'nan'"),
        ("0,1/2,1", "got 0; expected more than 0"),
        ("1/2,3/2", "got 3/2; expected more than 0 and at most 1"),
    ],
)
def test_other_fractions_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match="--fractions: ") as error:
        parse_fractions(text)
    assert message in str(error.value)


def test_too_few_sentences_for_the_fractions_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"got 1/100 \(0\), 1/2 \(20\), 1 \(40\) of 40 sentences"):
        runs_of(values, parse_fractions("1/100 1/2 1"), seeds=1, source="test", cache=SplitCache())


def test_a_seed_of_the_sample_is_refused(values: dict[str, Any]) -> None:
    values["data"] |= {"take": 20, "take_seed": 1}
    with pytest.raises(ConfigError, match=r"data.take_seed: got a seed; expected none"):
        plan(values)
