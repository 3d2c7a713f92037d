"""``coner vote``: a run like any other, made of trained models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from coner.families import load
from coner.families.vote.tagger import VoteTagger
from coner.records.record import read_record
from helpers.shell import Completed, World, refusal

Coner = Callable[..., Completed]


@pytest.fixture(scope="session")
def second(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another CRF over the same data."""
    from coner.cli.app import run

    folder = tmp_path_factory.mktemp("second") / "other"
    assert run(["train", *world.settings, "--set", "crf.c2=1", "--set", "seed=7", "--out", str(folder)]) == 0
    return folder


def test_a_vote_is_a_run(coner: Coner, world: World, second: Path, out: Path) -> None:
    run = out / "both"
    models, files = (world.model, second), ("--dev", world.dev, "--test", world.train, "--train", world.train)
    done = coner("vote", *models, *files, "--weights", "1,2", "--out", run, "--json")
    assert done.code == 0, done.err
    record = read_record(run)
    assert json.loads(done.out) == record.as_dict()["scores"]
    assert (record.name, record.kind) == ("both", "vote")
    members = [(m["folder"], m["kind"], m["seed"], m["weight"]) for m in record.settings["vote"]["members"]]
    assert members == [("model", "crf", 42, 1.0), ("other", "crf", 7, 2.0)]
    assert record.data.keys() == {"train", "dev", "test"}
    assert str(world.model.parent) not in (run / "record.json").read_text(encoding="utf-8")
    trials = record.training["trials"]
    best = max(trials, key=lambda trial: trial["macro_f1"])
    assert best["macro_f1"] == record.scores["dev"].fine.macro_f1
    assert record.training["threshold"] == best["threshold"]
    assert [trial["threshold"] for trial in trials] == record.settings["vote"]["thresholds"]
    assert record.scores["test"].seen and record.scores["test"].unseen
    assert (run / "tagged.dev.jsonl").exists()

    found = coner("evaluate", world.dev, run, "--train", world.train, "--json")
    evaluated = json.loads(found.out)
    scores = record.as_dict()["scores"]["dev"]
    assert {name: evaluated[name] for name in scores} == scores
    compared = json.loads(coner("compare", run, *models, "--split", "dev", "--json").out)
    assert [(row["run"], row["kind"]) for row in compared["rows"]] == [
        ("both", "vote"),
        ("model", "crf"),
        ("other", "crf"),
    ]
    assert compared["warnings"] == []


def test_a_vote_tags_after_its_members_are_deleted(coner: Coner, world: World, second: Path, out: Path) -> None:
    copies = [shutil.copytree(folder, out / folder.name) for folder in (world.model, second)]
    assert coner("vote", *copies, "--threshold", "0.2", "--out", out / "both").code == 0
    for copy in copies:
        shutil.rmtree(copy)
    tagger = load(out / "both")
    assert isinstance(tagger, VoteTagger)
    assert tagger.threshold == 0.2
    done = coner("tag", out / "both", world.dev)
    assert (done.code, "B-" in done.out) == (0, True)


def test_a_vote_is_built_once_and_can_be_evaluated_on_a_test_file_later(
    coner: Coner, world: World, second: Path, out: Path
) -> None:
    dev = ("--dev", world.dev)
    assert coner("vote", world.model, second, *dev, "--out", out / "both").code == 0
    before = (out / "both/record.json").read_bytes()
    done = coner("vote", second, world.model, *dev, "--out", out / "both")  # the order changes nothing
    assert (done.code, done.err) == (0, f"{out / 'both'}: this run is already finished; --overwrite repeats it\n")
    assert (out / "both/record.json").read_bytes() == before
    assert coner("vote", second, world.model, *dev, "--test", world.train, "--out", out / "both").code == 0
    assert read_record(out / "both").scores.keys() == {"dev", "test"}
    for other in (("--weights", "1,2"), ("--threshold", "0.4")):
        message = refusal(coner("vote", world.model, second, *dev, *other, "--out", out / "both"))
        assert "contains a finished run with other settings or data" in message
    done = coner("vote", world.model, "--threshold", "0.3", "--out", out / "both", "--overwrite")
    assert done.code == 0, done.err
    assert read_record(out / "both").scores == {}
    assert not (out / "both/tagged.dev.jsonl").exists()
    tagger = load(out / "both")
    assert isinstance(tagger, VoteTagger)
    assert (len(tagger.members), tagger.threshold) == (1, 0.3)


def test_the_default_threshold_is_one_half(coner: Coner, world: World, out: Path) -> None:
    assert coner("vote", world.model, "--out", out / "one").code == 0
    tagger = load(out / "one")
    assert isinstance(tagger, VoteTagger)
    assert tagger.threshold == 0.5


Wrong = tuple[Sequence[str], str]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["MODEL", "MODEL"], "got this model twice; expected it once"),
        (["MODEL", "--weights", "1,2"], "--weights: got '1,2'; expected a number above 0 for each model, such as 1"),
        (["MODEL", "--weights", "0"], "--weights: got '0'; expected a number above 0 for each model"),
        (["MODEL", "--weights", "nan"], "--weights: got 'nan'; expected a number above 0 for each model"),
        (["MODEL", "--weights", "1;2"], "--weights: got '1;2'; expected a number above 0 for each model"),
        (["MODEL", "--threshold", "2"], "--threshold: got '2'; expected auto, or a number from 0 to 1"),
        (["MODEL", "--threshold", "half"], "--threshold: got 'half'; expected auto, or a number from 0 to 1"),
        (["MODEL", "--threshold", "auto"], "got auto without a dev split. Fix: name it with --dev"),
        (["nowhere"], "nowhere: does not exist; expected the folder of a trained model"),
        (["FLAT", "MODEL"], "got different taxonomies; expected one"),
        (["CUT"], "damaged or truncated"),
    ],
)  # fmt: skip
def test_bad_use_is_one_line(coner: Coner, world: World, out: Path, options: list[str], message: str) -> None:
    cut = Path(shutil.copytree(world.model, out.parent / "cut"))
    (cut / "weights.npz").write_bytes((world.model / "weights.npz").read_bytes()[:-10])
    flat = Path(shutil.copytree(world.model, out.parent / "flat"))
    manifest = json.loads((flat / "model.json").read_text(encoding="utf-8"))
    manifest["taxonomy"] = {"name": "flat", "groups": {label: {label: ""} for label in manifest["labels"]}}
    (flat / "model.json").write_text(json.dumps(manifest))
    places = {"MODEL": world.model, "CUT": cut, "FLAT": flat}
    error = refusal(coner("vote", *(places.get(option, option) for option in options), "--out", out / "new"))
    assert message in error
    assert not (out / "new").exists()


def test_a_member_in_the_folder_to_be_written_is_refused(coner: Coner, world: World, out: Path) -> None:
    assert coner("vote", world.model, "--out", out / "one").code == 0
    message = refusal(coner("vote", out / "one/members/1", "--out", out / "one", "--overwrite"))
    assert "which will be written. Fix: choose another --out" in message
    assert load(out / "one").kind == "vote"


def test_an_unfinished_run_is_not_overwritten(coner: Coner, world: World, out: Path) -> None:
    (out / "checkpoint.safetensors").write_text("")
    assert "contains the unfinished training of another run. Fix: choose another --out, or --overwrite" in refusal(
        coner("vote", world.model, "--out", out)
    )
    assert coner("vote", world.model, "--out", out, "--overwrite").code == 0
    assert not (out / "checkpoint.safetensors").exists()


def test_a_vote_cannot_be_exported_but_its_members_can(coner: Coner, world: World, out: Path) -> None:
    assert coner("vote", world.model, "--out", out / "one").code == 0
    assert "of a vote, export the members" in refusal(coner("export", out / "one", "-o", out / "onnx"))
