"""``coner sweep``: resumable, shared, pruned, and never using the test split."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock

from coner.config.load import load_values
from coner.core.errors import ConfigError
from coner.core.progress import SilentLog
from coner.data.splits import SplitCache
from coner.runs.choice import settings_for
from coner.runs.sweep import study as studies
from coner.runs.sweep.space import load_space
from coner.runs.sweep.study import Search
from helpers import SAMPLE
from helpers.shell import command, head, process, refusal

SPACE = "crf.c2 = { low = 0.01, high = 10.0, log = true }\ncrf.min_frequency = { choices = [0, 1] }\n"
ENCODERS = 'encoder.name = { choices = ["minilm", "mpnet"] }\ntrain.batch = { choices = [8, 40] }\n'


@pytest.fixture
def world(tmp_path: Path) -> list[str]:
    """Arguments of every search of a CRF here, except its folder."""
    (tmp_path / "train.conll").write_text(head(SAMPLE / "train.conll", 40), encoding="utf-8")
    # Sentences of the training split, so that so small a model predicts some of them.
    (tmp_path / "dev.conll").write_text(head(SAMPLE / "train.conll", 20), encoding="utf-8")
    (tmp_path / "space.toml").write_text(SPACE)
    (tmp_path / "crf.toml").write_text(
        f"""
        kind = "crf"
        seed = 3
        crf = {{ max_iterations = 5, clusters = [] }}
        data = {{ train = "{tmp_path}/train.conll", dev = "{tmp_path}/dev.conll" }}
        """
    )
    return [str(tmp_path / "crf.toml"), "--space", str(tmp_path / "space.toml")]


def search(world: list[str], out: Path, trials: int, *more: object) -> dict[str, Any]:
    done = process("sweep", *world, "--out", out, "--trials", trials, "--json", *more)
    assert done.code == 0, done
    values: dict[str, Any] = json.loads(done.out)
    return values


def test_each_trial_gets_what_training_suggests_for_it(
    world: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Any] = []

    def train(recipe: Any, *_: Any, **__: Any) -> Any:
        trained.append(recipe.settings)
        return SimpleNamespace(scores={"dev": SimpleNamespace(deciding_f1=0.5)})

    monkeypatch.setattr(studies, "execute", train)
    (tmp_path / "space.toml").write_text(ENCODERS)
    base = {"kind": "encoder", "data": load_values(Path(world[0]))["data"]}
    Search(base, load_space(tmp_path / "space.toml"), tmp_path / "out").run(12)
    found = {(one.encoder.name, one.train.batch): one for one in trained}
    assert len(found) == 4
    for (name, batch), own in found.items():
        assert own.train.epochs == {8: 80, 40: 400}[batch]  # 40 sentences: at least 400 steps
        values = {**base, "name": own.name, "encoder": {"name": name}, "train": {"batch": batch}}
        assert own == settings_for(values, SplitCache().train, source="train", log=SilentLog())
    # The best settings, trained by coner train, get the same suggestions.
    best = settings_for(
        load_values(tmp_path / "out" / "best.toml"), SplitCache().train, source="train", log=SilentLog()
    )
    assert best.model_copy(update={"name": "trial-0"}) == trained[0]


def test_a_resumed_search_gives_the_same_trials(world: list[str], tmp_path: Path) -> None:
    whole = search(world, tmp_path / "whole", 4)
    part = search(world, tmp_path / "part", 2)
    assert part["trials"] == whole["trials"][:2]
    assert search(world, tmp_path / "part", 4) == whole
    assert [trial["number"] for trial in whole["trials"]] == [0, 1, 2, 3]
    assert len({trial["settings"]["crf.c2"] for trial in whole["trials"]}) == 4


def test_the_best_settings_train_to_the_score_of_the_best_trial(world: list[str], tmp_path: Path) -> None:
    found = search(world, tmp_path / "out", 3)
    best = max(found["trials"], key=lambda trial: trial["dev_macro_f1"])
    assert found["best"] == best["number"]
    assert 0 < best["dev_macro_f1"] > min(trial["dev_macro_f1"] for trial in found["trials"])
    done = process("train", tmp_path / "out" / "best.toml", "--out", tmp_path / "again", "--json")
    assert json.loads(done.out)["dev"]["fine"]["macro_f1"] == best["dev_macro_f1"]
    models = [path.parent.name for path in (tmp_path / "out").glob("*/model.json")]
    assert models == [f"trial-{best['number']:04}"]
    assert len(list((tmp_path / "out").glob("*/record.json"))) == 3


def test_a_killed_trial_is_resumed_by_the_next_call(world: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    running = subprocess.Popen(command("sweep", *world, "--out", out, "--trials", 3), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (out / "trial-0001").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    running.send_signal(signal.SIGKILL)
    running.wait()
    found = search(world, out, 3)
    assert [trial["state"] for trial in found["trials"]] == ["complete"] * 3
    assert found["trials"] == search(world, tmp_path / "whole", 3)["trials"]


def test_two_processes_share_a_study(world: list[str], tmp_path: Path) -> None:
    arguments = command("sweep", *world, "--out", tmp_path / "out", "--trials", 6)
    both = [subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    messages = [one.communicate()[1] for one in both]
    assert [one.returncode for one in both] == [0, 0], messages
    numbers = [line.split(":")[0] for text in messages for line in text.splitlines() if ": dev macro F1" in line]
    assert sorted(numbers) == [f"trial {number}" for number in range(6)]


def test_a_failing_trial_does_not_end_the_search(world: list[str], tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(
        'crf.algorithm = { choices = ["sgd", "lbfgs"] }\ncrf.c1 = { low = 0.1, high = 0.2 }'
    )
    found = search(world, tmp_path / "out", 6)
    states = {trial["settings"]["crf.algorithm"]: (trial["state"], trial["failed"]) for trial in found["trials"]}
    assert states["lbfgs"] == ("complete", None)
    assert states["sgd"][0] == "fail"
    assert "crf.c1 = 0.1" in str(states["sgd"][1])


@pytest.fixture
def curves(tiny_encoder: Callable[[str], Path], world: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """A search over ``head.dropout`` with a fake training, whose score is dropout times epoch."""

    def follow(recipe: Any, folder: Path, *, cache: object, on_epoch: Callable[[int, float], None]) -> Any:
        settings = recipe.settings
        for epoch in range(1, settings.train.epochs + 1):
            on_epoch(epoch, settings.head.dropout * epoch)
        f1 = settings.head.dropout * settings.train.epochs
        return SimpleNamespace(scores={"dev": SimpleNamespace(deciding_f1=f1)})

    monkeypatch.setattr(studies, "execute", follow)
    (tmp_path / "space.toml").write_text("head.dropout = { low = 0.0, high = 0.1 }")
    data = {"train": str(tmp_path / "train.conll"), "dev": str(tmp_path / "dev.conll")}
    base = {"kind": "encoder", "seed": 1, "data": data, "train": {"epochs": 9}}
    return Search(base, load_space(tmp_path / "space.toml"), tmp_path / "out")


def test_trials_below_the_median_are_pruned_but_not_in_the_first_third(curves: Search) -> None:
    found = curves.run(24).get_trials()
    pruned = [trial for trial in found if trial.state.name == "PRUNED"]
    finished = [trial for trial in found if trial.state.name == "COMPLETE"]
    assert pruned and len(pruned) + len(finished) == 24
    for trial in pruned:
        reached = max(trial.intermediate_values)
        assert 3 <= reached < 9
        others = [t for t in found[: trial.number] if t.state.name == "COMPLETE"]
        scores = sorted(t.intermediate_values[reached] for t in others)
        median = (scores[(len(scores) - 1) // 2] + scores[len(scores) // 2]) / 2
        assert trial.intermediate_values[reached] < median
    assert all(trial.state.name == "COMPLETE" for trial in found[: studies.STARTUP])
    best = studies.best_trial(curves.study)
    assert best is not None
    assert best.value == pytest.approx(max(trial.params["head.dropout"] for trial in finished) * 9)


def test_a_search_refuses_a_test_split(world: list[str], tmp_path: Path) -> None:
    done = process("sweep", *world, "--out", tmp_path / "out", "--set", f"data.test={tmp_path}/dev.conll")
    assert "data.test: got a test split; expected none in a search" in refusal(done)
    union = f'data.union=[{{train = "{tmp_path}/other.conll", test = "{tmp_path}/dev.conll"}}]'
    done = process("sweep", *world, "--out", tmp_path / "out", "--set", union)
    assert "data.union[0].test: got a test split; expected none in a search" in refusal(done)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_another_search_is_refused(world: list[str], tmp_path: Path) -> None:
    search(world, tmp_path / "out", 1)
    done = process("sweep", *world, "--out", tmp_path / "out", "--trials", 2, "--set", "seed=9")
    assert "contains a search with other settings or another space. Fix: choose another --out" in refusal(done)


def test_a_storage_that_cannot_be_used_is_one_line(world: list[str], tmp_path: Path) -> None:
    for url in ("nothing://", f"sqlite:///{tmp_path}/missing/study.db"):
        done = process("sweep", *world, "--out", tmp_path / "out", "--storage", url)
        assert "--storage: the study cannot be opened" in refusal(done)
    search(world, tmp_path / "out", 1, "--set", "seed=9")  # the folder belongs to no search yet


def test_a_folder_of_an_earlier_version_is_refused(world: list[str], tmp_path: Path) -> None:
    search(world, tmp_path / "out", 1)
    (tmp_path / "out" / ".locks" / "search").unlink()
    done = process("sweep", *world, "--out", tmp_path / "out", "--trials", 2)
    assert "contains a search by an earlier version of coner. Fix: choose another --out" in refusal(done)


def test_two_machines_that_ask_at_once_draw_two_trials(
    curves: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    one, two = (Search(curves.base, curves.space, tmp_path / machine / "search", storage=storage) for machine in "ab")
    asking = one.study.ask

    def ask_after_the_other() -> Any:
        monkeypatch.undo()
        assert two._next(9) is not None
        return asking()

    monkeypatch.setattr(one.study, "ask", ask_after_the_other)
    assert one._next(9) is not None
    first, second = one.study.get_trials()
    assert first.params != second.params


def test_moved_data_are_the_same_search_and_other_data_are_not(curves: Search, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    base = json.loads(json.dumps(curves.base))
    first = Search(base, curves.space, tmp_path / "a", storage=storage).study
    moved = tmp_path / "moved.conll"
    moved.write_text((tmp_path / "dev.conll").read_text(encoding="utf-8"), encoding="utf-8")
    base["data"]["dev"] = str(moved)
    assert Search(base, curves.space, tmp_path / "b", storage=storage).study.study_name == first.study_name
    moved.write_text(head(SAMPLE / "train.conll", 10), encoding="utf-8")
    assert Search(base, curves.space, tmp_path / "c", storage=storage).study.study_name != first.study_name
    with pytest.raises(ConfigError, match="contains a search with other settings"):
        Search(base, curves.space, tmp_path / "a", storage=storage)


def test_a_folder_may_be_moved(world: list[str], tmp_path: Path) -> None:
    search(world, tmp_path / "out", 2)
    (tmp_path / "out").rename(tmp_path / "moved")
    again = process("sweep", *world, "--out", tmp_path / "moved", "--trials", 2)
    assert again.code == 0 and "2 trials: 2 complete" in again.out and "trial 0" not in again.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("crf.c3 = { low = 0.1, high = 0.2 }", "space: crf.c3 = 0.1: settings: crf.c3: no such setting"),
        ('crf.algorithm = { choices = ["sgd", "newton"] }', "space: crf.algorithm = 'newton': "),
        ("crf.c2 = { low = -1.0, high = 0.5 }", "space: crf.c2 = -1.0: "),
        ("crf.max_iterations = { low = 10.0, high = 20.0 }", "space: crf.max_iterations = 16.18: "),
        ('data.dev = { choices = ["a", "b"] }', "space: data.dev: must be the same for all trials"),
        ('data.test = { choices = ["a"] }', "space: data.test: must be the same for all trials"),
        ('name = { choices = ["a"] }', "space: name: must be the same for all trials"),
    ],
)
def test_a_space_without_a_valid_trial_is_refused_before_the_first(
    world: list[str], tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "space.toml").write_text(text)
    assert message in refusal(process("sweep", *world, "--out", tmp_path / "out", "--trials", 2))
    assert not (tmp_path / "out").exists()


def test_the_best_settings_are_written_while_no_other_process_changes_them(curves: Search) -> None:
    curves.run(2)
    best = curves.folder / studies.BEST
    best.unlink()
    with FileLock(curves.folder / ".lock"):
        tidying = threading.Thread(target=curves._tidy)
        tidying.start()
        tidying.join(0.3)
        assert not best.exists()
    tidying.join(30)
    assert best.exists()
