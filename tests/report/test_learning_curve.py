"""The table, the answer and the picture of a learning curve, from made-up records."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from coner.core.errors import OutputError
from coner.core.types import Entity, Sentence
from coner.records.record import Record
from coner.report.learning_curve import LearningCurve, check_picture, make_curve, write_picture
from helpers.records import fake_record

GOLD = tuple(Sentence((f"name{i}", "sang"), (Entity(0, 1, "Artist" if i % 3 else "City"),)) for i in range(120))


def record(folder: Path, *, sentences: int, recall: float, seed: int) -> Record:
    """The record of a run on so many sentences that finds this share of the mentions."""
    rng = random.Random(seed)
    found = [s.entities or () if rng.random() < recall else () for s in GOLD]
    made = fake_record(found, folder=folder, sentences=GOLD, seed=seed, name=f"take-{sentences}")
    train = made.data["train"].model_copy(update={"sentences": sentences, "mentions": 2 * sentences})
    return made.model_copy(update={"data": {**made.data, "train": train}})


def curve(folder: Path, recalls: list[float], *, seeds: int = 3) -> LearningCurve:
    """Sizes of 100, 200, ... with these shares of mentions found."""
    count = len(recalls)
    return make_curve(
        {
            Fraction(1, 2 ** (count - 1 - k)): [
                record(folder, sentences=100 * 2**k, recall=recall, seed=seed) for seed in range(seeds)
            ]
            for k, recall in enumerate(recalls)
        }
    )


@pytest.fixture(scope="module")
def rising(tmp_path_factory: pytest.TempPathFactory) -> LearningCurve:
    return curve(tmp_path_factory.mktemp("runs"), [0.2, 0.35, 0.5, 0.62])


def test_the_answer_and_the_table_are_the_forecast(rising: LearningCurve) -> None:
    gain = rising.forecasts["micro_f1"].gain_at(1600)
    points = f"{100 * gain.value:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"
    assert (
        rising.sentence("micro") == f"Twice the sentences (1,600) would bring about {points} points of micro F1 on dev."
    )
    heading, *rows = [rising.grid().heading, *rising.grid().rows]
    assert list(heading) == ["sentences", "of train", "mentions", "runs", "micro F1", "macro F1"]
    assert [row[:4] for row in rows[:2]] == [["100", "1/8", "200", "3"], ["200", "1/4", "400", "3"]]
    assert rows[-1][:4] == ["1,600", "2, predicted", "–", "–"]
    means = [np.mean(size.scores("micro_f1")) for size in rising.sizes]
    assert [row[4].split(" ")[0] for row in rows[:-1]] == [f"{mean:.3f}" for mean in means]
    assert rising.unpredictable == "" and not rising.one_seed


def test_json_has_every_run_and_both_averages(rising: LearningCurve) -> None:
    values = json.loads(json.dumps(rising.as_dict()))
    assert [size["sentences"] for size in values["sizes"]] == [100, 200, 400, 800]
    assert [run["seed"] for run in values["sizes"][0]["runs"]] == [0, 1, 2]
    assert values["predicted"].keys() == {"sentences", "level", "micro_f1", "macro_f1"}
    assert values["predicted"]["sentences"] == 1600
    for metric in ("micro_f1", "macro_f1"):
        for what in ("score", "gain"):
            found = values["predicted"][metric][what]
            assert found["low"] <= found["value"] <= found["high"]


def test_the_interval_of_the_dev_sentences_is_that_of_the_bootstrap(rising: LearningCurve) -> None:
    """Each draw of the last size is the mean of the runs on the same resampled sentences."""
    last = rising.sizes[-1]
    spread = np.std(rising.forecasts["micro_f1"].last)
    single = [np.std(draws) for draws in last.draws("micro_f1")]
    assert min(single) / 3 < spread < max(single)
    assert np.mean(rising.forecasts["micro_f1"].last) == pytest.approx(np.mean(last.scores("micro_f1")), abs=0.01)


def test_two_sizes_or_no_hit_give_no_forecast_but_the_reason(tmp_path: Path) -> None:
    two = curve(tmp_path, [0.2, 0.4], seeds=1)
    assert two.unpredictable == "no forecast: got finished runs of 2 sizes; expected at least 3"
    assert two.one_seed and len(two.grid().rows) == 2 and two.as_dict()["predicted"] == {}
    nothing = curve(tmp_path, [0.0, 0.0, 0.0], seeds=1)
    assert "every run has F1 0 on dev" in nothing.unpredictable
    assert make_curve({}).as_dict() == {"split": "dev", "sizes": [], "predicted": {}}


def test_equal_curves_are_drawn_with_equal_bytes(rising: LearningCurve, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("a.svg", "b.svg"):
        write_picture(rising, "macro", tmp_path / name)
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.svg").read_text(encoding="utf-8")
    assert all(f'id="{part}"' in text for part in ("interval", "curve", "extrapolation", "runs"))


def test_a_picture_that_cannot_be_written_is_refused_before_the_training(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(OutputError, match=r"got suffix '.jpg'; expected .svg"):
        check_picture(tmp_path / "a.jpg")
    with pytest.raises(OutputError, match="does not exist"):
        check_picture(tmp_path / "missing" / "a.svg")
    check_picture(tmp_path / "a.svg")
    assert not list(tmp_path.iterdir())
