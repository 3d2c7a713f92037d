"""``coner train``: a run folder from a config, trained once, and never mixed with another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coner.families import load
from coner.families.encoder.training import CHECKPOINT
from coner.records.record import read_record
from helpers import SAMPLE
from helpers.shell import Completed, World, refusal

Coner = Callable[..., Completed]


def stamps(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file of a folder: time of its last change, and content."""
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


@pytest.fixture
def finished(coner: Coner, world: World, tmp_path: Path) -> Path:
    """A finished run that a test may change."""
    assert coner("train", *world.settings, "--out", tmp_path / "run").code == 0
    return tmp_path / "run"


def test_folder_holds_model_record_and_log(world: World) -> None:
    names = {path.name for path in world.model.iterdir()}
    model = {"model.json", "weights.npz", "features.json", "lexicon.json"}
    assert names == {*model, "record.json", "log.txt", "tagged.dev.jsonl"}
    record = read_record(world.model)
    assert (record.name, record.kind, record.seed, set(record.scores)) == ("crf", "crf", 42, {"dev"})
    assert [record.data[split].sentences for split in ("train", "dev")] == [60, 40]
    sizes = [path.stat().st_size for path in world.model.iterdir() if path.suffix in (".npz", ".json")]
    described = sum((world.model / name).stat().st_size for name in ("model.json", "record.json"))
    assert record.size.bytes == sum(sizes) - described
    assert len(record.training["trials"]) == 1
    log = (world.model / "log.txt").read_text(encoding="utf-8")
    assert log.startswith("crf: train 60 sentences, dev 40 sentences; taxonomy multiconer2, 33 classes\n")
    assert f"dev: micro F1 {record.scores['dev'].fine.micro_f1:.4f}" in log
    assert load(world.model).kind == "crf"


def test_record_has_the_scores_that_evaluate_gives(coner: Coner, world: World, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = coner("train", *world.settings, "--set", f"data.test={world.train}", "--out", run, "--json")
    assert done.code == 0
    record = read_record(run)
    assert json.loads(done.out) == record.as_dict()["scores"]
    for split, path in (("dev", world.dev), ("test", world.train)):
        found = coner("evaluate", path, run, "--train", world.train, "--taxonomy", "multiconer2", "--json")
        evaluated = json.loads(found.out)
        scores = record.as_dict()["scores"][split]
        assert {name: evaluated[name] for name in scores} == scores
        assert scores.keys() >= {"fine", "coarse", "span", "seen", "unseen", "sentences", "words"}
    assert 0 < record.scores["dev"].fine.macro_f1 < record.scores["test"].fine.macro_f1


def test_same_command_again_does_nothing(coner: Coner, world: World, finished: Path) -> None:
    before = stamps(finished)
    done = coner("train", *world.settings, "--out", finished, "--json")
    assert done.code == 0
    assert done.err == f"{finished}: this run is already finished; --overwrite repeats it\n"
    assert json.loads(done.out) == read_record(finished).as_dict()["scores"]
    assert stamps(finished) == before


def test_equal_data_under_another_path_are_not_a_change(
    coner: Coner, world: World, finished: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.conll"
    copy.write_bytes(world.train.read_bytes())
    done = coner("train", *world.settings, "--set", f"data.train={copy}", "--set", "name=other", "--out", finished)
    assert (done.code, "already finished" in done.err) == (0, True)


@pytest.mark.parametrize("change", ["crf.c2=0.2", "seed=7", "data"])
def test_other_settings_or_data_are_refused(
    coner: Coner, world: World, finished: Path, tmp_path: Path, change: str
) -> None:
    if change == "data":
        longer = tmp_path / "longer.conll"
        longer.write_bytes(world.train.read_bytes() + b"more _ _ O\n")
        change = f"data.train={longer}"
    before = stamps(finished)
    message = refusal(coner("train", *world.settings, "--set", change, "--out", finished))
    assert "contains a finished run with other settings or data" in message
    assert "--overwrite" in message
    assert stamps(finished) == before


def test_overwrite_trains_again(coner: Coner, world: World, finished: Path) -> None:
    (finished / "left-over").write_text("")
    done = coner("train", *world.settings, "--set", "crf.c2=0.2", "--out", finished, "--overwrite")
    assert done.code == 0
    record = read_record(finished)
    assert record.settings["crf"]["c2"] == record.training["trials"][0]["c2"] == 0.2
    assert (finished / "left-over").exists()  # no run wrote it
    assert (finished / "log.txt").read_text(encoding="utf-8").count("crf: train") == 1


def test_a_finished_run_can_be_evaluated_on_one_test_file_later(coner: Coner, world: World, finished: Path) -> None:
    before = stamps(finished)
    done = coner("train", *world.settings, "--set", f"data.test={world.train}", "--out", finished)
    assert (done.code, "test: micro F1 1.0000" in done.err) == (0, True)
    changed = {name for name, stamp in stamps(finished).items() if before.get(name) != stamp}
    assert changed == {"record.json", "log.txt", "tagged.test.jsonl"}
    record, whole = read_record(finished), finished.with_name("whole")
    assert coner("train", *world.settings, "--set", f"data.test={world.train}", "--out", whole).code == 0
    for section in ("data", "scores", "confusion", "sentences", "counts"):
        assert getattr(record, section) == getattr(read_record(whole), section)
    later, at_once = (
        [json.loads(line) for line in (run / "tagged.test.jsonl").read_text(encoding="utf-8").splitlines()]
        for run in (finished, whole)
    )
    # The last digit of a probability can differ on a busy machine.
    scores = [[entity.pop("score") for line in lines for entity in line["entities"]] for lines in (later, at_once)]
    assert later == at_once and scores[0] == pytest.approx(scores[1], rel=1e-12)

    message = refusal(coner("train", *world.settings, "--set", f"data.test={world.dev}", "--out", finished))
    assert f"was evaluated on another file than {world.dev}. Fix: coner evaluate" in message


def test_a_changed_taxonomy_of_the_same_name_is_a_change(coner: Coner, world: World, out: Path) -> None:
    own = out / "own.toml"
    text = (SAMPLE.parent / "taxonomies/multiconer2.toml").read_text(encoding="utf-8")
    own.write_text(text, encoding="utf-8")
    arguments = (*world.settings, "--set", "crf.max_iterations=3", "--set", f"data.taxonomy={own}", "--out", out / "r")
    assert coner("train", *arguments).code == 0
    own.write_text(text.replace("[Medical]", "[Health]"), encoding="utf-8")
    assert "--overwrite" in refusal(coner("train", *arguments))


def test_a_shortcut_for_another_kind_is_refused(coner: Coner, world: World, out: Path) -> None:
    config = out / "encoder.toml"
    config.write_text('kind = "encoder"\n')
    arguments = (config, "--set", f"data.train={world.train}", "--out", out / "run", "--trials", 2)
    assert "--trials: got kind encoder; expected crf" in refusal(coner("train", *arguments))


def test_overwrite_keeps_the_old_model_where_the_new_one_cannot_be_trained(
    coner: Coner, world: World, finished: Path
) -> None:
    done = coner("train", *world.settings, "--set", 'crf.features=["nope"]', "--out", finished, "--overwrite")
    assert (done.code, "crf.features: got 'nope'" in done.err) == (2, True)
    assert load(finished).kind == "crf"
    assert read_record(finished).scores == read_record(world.model).scores


def test_a_crf_does_not_destroy_an_unfinished_encoder(coner: Coner, world: World, out: Path) -> None:
    (out / CHECKPOINT).write_bytes(b"hours of work")
    assert "contains the unfinished training of another run. Fix: choose another --out, or --overwrite" in refusal(
        coner("train", *world.settings, "--out", out)
    )
    assert (out / CHECKPOINT).read_bytes() == b"hours of work"


def test_overwrite_keeps_files_that_no_run_has_written(coner: Coner, world: World, out: Path) -> None:
    (out / "mine.txt").write_text("keep me")
    assert coner("train", *world.settings, "--out", out, "--overwrite").code == 0
    assert (out / "mine.txt").read_text() == "keep me"
    assert (out / "record.json").exists()


def test_overwrite_of_a_faulty_config_keeps_the_old_run(coner: Coner, world: World, finished: Path) -> None:
    before = stamps(finished)
    refusal(coner("train", *world.settings, "--set", "data.dev=missing.conll", "--out", finished, "--overwrite"))
    assert stamps(finished) == before


def test_trials_are_recorded_beside_the_configured_settings(coner: Coner, world: World, out: Path) -> None:
    run = out / "run"
    assert coner("train", *world.settings, "--set", "crf.max_iterations=5", "--trials", 2, "--out", run).code == 0
    trials: list[dict[str, Any]] = read_record(run).training["trials"]
    assert len(trials) == 3
    assert (trials[0]["c1"], trials[0]["c2"], trials[0]["min_frequency"]) == (0.0, 0.01, 0)
    assert len({trial["c2"] for trial in trials}) == 3
    reached = read_record(run).scores["dev"].fine.macro_f1
    assert reached == pytest.approx(max(trial["macro_f1"] for trial in trials))


def test_same_settings_give_the_same_weights(coner: Coner, world: World, finished: Path) -> None:
    for name in ("features.json", "lexicon.json", "weights.npz"):
        assert (finished / name).read_bytes() == (world.model / name).read_bytes()
    assert read_record(finished).fingerprint == read_record(world.model).fingerprint


def test_an_unfinished_run_is_repeated(coner: Coner, world: World, finished: Path) -> None:
    (finished / "record.json").unlink()  # as after a power cut
    assert coner("train", *world.settings, "--out", finished).code == 0
    assert read_record(finished).scores == read_record(world.model).scores


def test_without_a_dev_file_the_training_file_is_split_by_text(coner: Coner, world: World, out: Path) -> None:
    twice = out / "twice.conll"
    twice.write_bytes(2 * world.train.read_bytes())
    one, other = out / "one", out / "other"
    for run in (one, other):
        arguments = (world.config, "--set", f"data.train={twice}", "--set", "crf.max_iterations=3", "--out", run)
        assert coner("train", *arguments).code == 0
    data = read_record(one).data
    assert (data["train"].sentences, data["dev"].sentences) == (108, 12)
    assert data["train"].sha256 != data["dev"].sha256
    assert read_record(other).data == data
    assert read_record(one).scores["dev"].seen.support < read_record(one).scores["dev"].span.support


def test_the_scheme_of_the_tags_is_recognised_and_logged(coner: Coner, world: World, out: Path) -> None:
    source = out / "iob1.conll"
    source.write_text("ada I-OtherPER\nwrote O\n\nto O\nbabbage I-OtherPER\n\nhe O\nread O\n")
    arguments = (world.config, "--set", f"data.train={source}", "--set", "data.dev_share=0.4", "--out", out / "run")
    assert "the tags of the file look like iob1" in refusal(coner("train", *arguments, "--scheme", "iob2"))
    done = coner("train", *arguments)
    assert (done.code, "tags are read as iob1" in done.err) == (0, True)
    assert read_record(out / "run").settings["data"]["scheme"] == "auto"
