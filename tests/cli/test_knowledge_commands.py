"""A model that uses a knowledge base, through the commands: training, its record, tagging, evaluation, publishing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from coner.records.record import read_record
from helpers import SAMPLE
from helpers.shell import Completed

Coner = Callable[..., Completed]
QUICK = ["--set", "crf.clusters=[]", "--set", "crf.max_iterations=2", "--set", "data.take=60", "--family", "crf"]
DATA = [SAMPLE / "train.conll", "--dev", SAMPLE / "dev.conll"]


def run(coner: Coner, *arguments: object, code: int = 0) -> Completed:
    done = coner(*arguments)
    assert done.code == code, done.err
    return done


@pytest.fixture
def kb(coner: Coner, tmp_path: Path) -> Path:
    (tmp_path / "names.csv").write_text("name,types\nbasel,HumanSettlement\nprince,Artist\nlondon,HumanSettlement\n")
    run(coner, "kb", "build", tmp_path / "names.csv", "--out", tmp_path / "kb")
    return tmp_path / "kb"


def test_a_model_is_trained_tagged_with_and_evaluated_with_its_knowledge_base(
    coner: Coner, kb: Path, tmp_path: Path
) -> None:
    model = tmp_path / "run"
    run(coner, "train", *DATA, *QUICK, "--kb", kb, "--out", model)
    record = read_record(model)
    assert record.training["knowledge"]["names"] == 3
    known = record.scores["dev"].knowledge
    assert known is not None
    of_dev = record.scores["dev"].fine
    assert sum(result.support for result in known.values()) == sum(of.support for of in of_dev.classes.values())
    assert sum(result.tp for result in known.values()) == sum(of.tp for of in of_dev.classes.values())
    again = run(coner, "train", *DATA, *QUICK, "--kb", kb, "--out", model)
    assert "already finished" in again.err
    missing = run(coner, "tag", model, SAMPLE / "dev.conll", code=2)
    assert record.training["knowledge"]["hash"] in missing.err
    assert "--kb DIR" in missing.err
    run(coner, "tag", model, SAMPLE / "dev.conll", "--kb", kb, "-o", tmp_path / "out.conll")
    values = json.loads(run(coner, "evaluate", SAMPLE / "dev.conll", model, "--kb", kb, "--json").out)
    assert values["fine"]["macro_f1"] == pytest.approx(of_dev.macro_f1)
    run(coner, "explain", model, "--kb", kb, "--label", "Artist")
    run(coner, "threshold", model, "--dev", SAMPLE / "dev.conll", "--kb", kb, "--show")


def test_another_knowledge_base_is_another_run(coner: Coner, kb: Path, tmp_path: Path) -> None:
    run(coner, "train", *DATA, *QUICK, "--out", tmp_path / "run")
    refused = run(coner, "train", *DATA, *QUICK, "--kb", kb, "--out", tmp_path / "run", code=2)
    assert "--overwrite" in refused.err
    unused = run(coner, "tag", tmp_path / "run", SAMPLE / "dev.conll", "--kb", kb, code=2)
    assert "trained without a knowledge base" in unused.err
    assert "known, with" in run(coner, "evaluate", SAMPLE / "dev.conll", tmp_path / "run", "--kb", kb).out


def test_an_embedded_knowledge_base_is_published_if_its_licences_allow_it(
    coner: Coner, kb: Path, tmp_path: Path
) -> None:
    model = tmp_path / "run"
    run(coner, "train", *DATA, *QUICK, "--kb", kb, "--embed-kb", "--out", model)
    run(coner, "tag", model, SAMPLE / "dev.conll", "-o", tmp_path / "out.conll")
    refused = run(coner, "push", model, "me/model", "--dry-run", code=2)
    assert "names.csv: got no licence; expected one that allows sharing it" in refused.err
    assert "knowledge/entries.sqlite" in run(coner, "push", model, "me/model", "--dry-run", "--license", "mit").out
    free, other = tmp_path / "free", tmp_path / "other"
    run(coner, "kb", "build", tmp_path / "names.csv", "--licence", "CC-BY-4.0", "--out", free)
    run(coner, "train", *DATA, *QUICK, "--kb", free, "--embed-kb", "--out", other)
    run(coner, "push", other, "me/model", "--dry-run")


def test_each_source_may_have_a_licence_of_its_own(coner: Coner, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.csv", "b.csv", "c=.csv")]
    for file in files:
        file.write_text(f"name\nname of {file.stem}\n", encoding="utf-8")
    build = ["kb", "build", *files, "--out", tmp_path / "licensed", "--json"]
    licences = ["CC0-1.0", f"{files[1]}=MIT", f"{files[2]}=CC-BY-4.0"]
    options = [word for licence in licences for word in ("--licence", licence)]
    sources = json.loads(run(coner, *build, *options).out)["sources"]
    assert [source["licence"] for source in sources] == ["CC0-1.0", "MIT", "CC-BY-4.0"]
    twice = run(coner, *build, *options, "--licence", "MIT", code=2)
    assert "got two licences of all sources, CC0-1.0 and MIT; expected one" in twice.err
    unknown = run(coner, "kb", "build", *files, "--licence", "d.csv=MIT", "--out", tmp_path / "none", code=2)
    assert f"got a licence of d.csv; expected the path of a source: {files[0]}" in unknown.err
    empty = run(coner, "kb", "build", *files, "--licence", f"{files[0]}=", "--out", tmp_path / "none", code=2)
    assert f"--licence: got no licence in '{files[0]}='" in empty.err


def test_names_of_dev_are_refused_unless_it_is_an_oracle(coner: Coner, tmp_path: Path) -> None:
    run(coner, "kb", "build", SAMPLE / "dev.conll", "--out", tmp_path / "kb")
    train = ["train", *DATA, *QUICK, "--kb", tmp_path / "kb", "--out", tmp_path / "run"]
    refused = run(coner, *train, code=2)
    assert "of dev (from dev.conll)" in refused.err
    assert not (tmp_path / "run").exists()
    run(coner, *train, "--oracle")
    assert read_record(tmp_path / "run").oracle == ("dev",)
    assert "oracle, whose scores are not comparable" in run(coner, "compare", tmp_path / "run").err
    warned = run(coner, "evaluate", SAMPLE / "dev.conll", tmp_path / "run", "--kb", tmp_path / "kb")
    assert "Warning: the knowledge base knows mentions of" in warned.err


def test_sentences_of_dev_can_be_left_out_of_labelled_sources(coner: Coner, tmp_path: Path) -> None:
    source, left_out = SAMPLE / "dev.conll", tmp_path / "dev.conll"
    left_out.write_text((SAMPLE / "dev.conll").read_text(encoding="utf-8").replace("\n\n", "\n\n\n"), encoding="utf-8")
    build = ["kb", "build", source, SAMPLE / "train.conll", "--train", source, "--leave-out", left_out, "--json"]
    sources = json.loads(run(coner, *build, "--out", tmp_path / "kb").out)["sources"]
    assert [source["entries"] > 0 for source in sources] == [False, True]
    assert sources[0]["skipped"] == {"sentences of --leave-out": 132}
    tables = ["kb", "build", tmp_path / "names.csv", "--leave-out", source, "--out", tmp_path / "none"]
    (tmp_path / "names.csv").write_text("name\nada\n", encoding="utf-8")
    assert "--leave-out: got no labelled file" in run(coner, *tables, code=2).err
    train = ["train", *DATA, *QUICK, "--kb", tmp_path / "kb", "--out", tmp_path / "run"]
    run(coner, *train)
    assert read_record(tmp_path / "run").oracle == ()
    run(coner, "kb", "build", source, "--out", tmp_path / "whole")
    refused = run(coner, *train[:-3], tmp_path / "whole", "--out", tmp_path / "other", code=2)
    assert f"Fix: build it again with --leave-out {source}, or name another dev file" in refused.err


def test_other_families_refuse_it(coner: Coner, kb: Path, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(f'kind = "span"\nknowledge = {{ base = "{kb}" }}\n')
    refused = run(coner, "train", tmp_path / "c.toml", "--out", tmp_path / "run", code=2)
    assert "knowledge: got settings for a model of kind span; expected one of kind crf, encoder, llm" in refused.err


def test_a_test_split_that_is_added_to_a_finished_run_is_marked_as_an_oracle(coner: Coner, tmp_path: Path) -> None:
    (tmp_path / "test.conll").write_text("zyx B-Artist\nsang O\n\nbasel B-HumanSettlement\n")
    run(coner, "kb", "build", tmp_path / "test.conll", "--out", tmp_path / "kb")
    train = ["train", *DATA, *QUICK, "--kb", tmp_path / "kb", "--oracle", "--out", tmp_path / "run"]
    run(coner, *train)
    assert read_record(tmp_path / "run").oracle == ()
    run(coner, *train, "--test", tmp_path / "test.conll")
    assert "test" in read_record(tmp_path / "run").scores
    assert read_record(tmp_path / "run").oracle == ("test",)
    assert "oracle, whose scores are not comparable" in run(coner, "compare", tmp_path / "run").err


def test_a_knowledge_base_down_weighted_by_dev_is_refused_and_warned_of(coner: Coner, kb: Path, tmp_path: Path) -> None:
    first = (SAMPLE / "dev.conll").read_text().split("\n\n")[0]
    (tmp_path / "part.conll").write_text(f"{first}\n\nother _ _ O\nwords _ _ B-Artist\n")
    names, damped = tmp_path / "names.csv", tmp_path / "damped"
    run(coner, "kb", "build", names, "--train", tmp_path / "part.conll", "--out", damped)
    refused = run(coner, "train", *DATA, *QUICK, "--kb", damped, "--out", tmp_path / "run", code=2)
    assert "knows mentions of 1 sentence of dev (from part.conll)" in refused.err
    (tmp_path / "copy.conll").write_text((SAMPLE / "dev.conll").read_text())
    warned = run(coner, "evaluate", SAMPLE / "dev.conll", tmp_path / "copy.conll", "--kb", damped)
    assert "Warning: the knowledge base knows mentions of 1 sentence of dev.conll (from part.conll)" in warned.err


def test_embedding_into_a_finished_run_is_refused(coner: Coner, kb: Path, tmp_path: Path) -> None:
    train = ["train", *DATA, *QUICK, "--kb", kb, "--out", tmp_path / "run"]
    run(coner, *train)
    refused = run(coner, *train, "--embed-kb", code=2)
    assert "has a model without a copy of its knowledge base. Fix: train it again with --overwrite" in refused.err
    run(coner, *train, "--embed-kb", "--overwrite")
    run(coner, *train, "--embed-kb")
    run(coner, "tag", tmp_path / "run", SAMPLE / "dev.conll", "-o", tmp_path / "out.conll")


def test_a_knowledge_base_that_a_model_does_not_use_is_refused_by_every_command(
    coner: Coner, kb: Path, tmp_path: Path
) -> None:
    model, dev = tmp_path / "run", SAMPLE / "dev.conll"
    run(coner, "train", *DATA, *QUICK, "--out", model)
    commands = [
        ["tag", model, dev, "-o", tmp_path / "out.conll"],
        ["serve", model, "--port", "0"],
        ["threshold", model, "--dev", dev, "--show"],
        ["distil", model, dev, "-o", tmp_path / "silver.conll"],
        ["explain", model],
        ["suggest", model, dev, "-o", tmp_path / "some.conll"],
    ]
    for command in commands:
        refused = run(coner, *command, "--kb", kb, code=2)
        assert (
            "kb: got one for a model that was trained without a knowledge base. Fix: leave it (--kb) out" in refused.err
        )
    assert not list(tmp_path.glob("*.conll"))


def test_another_knowledge_base_than_the_model_contains_is_refused(coner: Coner, kb: Path, tmp_path: Path) -> None:
    model, dev, out = tmp_path / "run", SAMPLE / "dev.conll", tmp_path / "out.conll"
    run(coner, "train", *DATA, *QUICK, "--kb", kb, "--embed-kb", "--out", model)
    (tmp_path / "b.csv").write_text("name,types\nsomebody,Artist\n")
    run(coner, "kb", "build", tmp_path / "b.csv", "--out", tmp_path / "other")
    refused = run(coner, "tag", model, dev, "-o", out, "--kb", tmp_path / "other", code=2)
    assert "kb: got one for a model that contains another. Fix: leave it (--kb) out, or add link" in refused.err
    assert not out.exists()
    run(coner, "tag", model, dev, "-o", out, "--kb", kb)
    run(coner, "tag", model, dev, "-o", tmp_path / "linked.jsonl", "--kb", tmp_path / "other", "--link")


def test_members_of_a_vote_must_contain_their_knowledge_base(coner: Coner, kb: Path, tmp_path: Path) -> None:
    for name, more in (("a", []), ("b", ["--embed-kb"])):
        run(coner, "train", *DATA, *QUICK, "--kb", kb, *more, "--out", tmp_path / name)
    names = [tmp_path / "b", tmp_path / "a"]
    refused = run(coner, "vote", *names, "--out", tmp_path / "v", code=2)
    assert f"{names[1]}: was trained with the knowledge base" in refused.err
    assert "--embed-kb" in refused.err


def test_further_files_are_warned_of_if_the_training_file_is_a_source(coner: Coner, kb: Path, tmp_path: Path) -> None:
    (tmp_path / "copies.conll").write_text("the _ _ O\nzyx _ _ B-Artist\nsang _ _ O\n")
    run(coner, "kb", "build", SAMPLE / "train.conll", "--out", tmp_path / "own")
    extra = ["--set", f'data.extra=[{{file="{tmp_path / "copies.conll"}"}}]']
    for name, base, more, warned in (
        ("a", tmp_path / "own", extra, True),
        ("b", tmp_path / "own", [], False),
        ("c", kb, extra, False),
    ):
        run(coner, "train", *DATA, *QUICK, "--kb", base, *more, "--out", tmp_path / name)
        log = (tmp_path / name / "log.txt").read_text()
        assert ("source (train.conll): changed copies of them in data.extra still see" in log) == warned
