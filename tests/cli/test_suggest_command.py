"""``coner suggest``: tasks in the order of their worth, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from coner.data import read
from coner.families import load
from helpers.llm_config import CONFIG
from helpers.shell import Completed, World, process, refusal

Coner = Callable[..., Completed]
TEXTS = [
    "the novel by jóhann was filmed in reykjavík .",
    "she was born in new york and moved to oslo",
    "She was born in New York and moved to Oslo",
    "an album by nina simone",
    "nothing to see here",
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "unlabelled.txt"
    path.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("to", ["labelstudio", "doccano", "jsonl", "conll", "csv"])
def test_tasks_have_the_predicted_entities_and_are_read_back(
    coner: Coner, world: World, source: Path, out: Path, to: str
) -> None:
    tasks = out / f"tasks.{ {'labelstudio': 'json', 'doccano': 'jsonl'}.get(to, to) }"
    done = coner("suggest", world.model, source, "-n", "3", "-o", tasks, "--to", to, "--json")
    assert (done.code, done.err) == (0, ""), done
    found = json.loads(done.out)
    assert (found["sentences"], found["left_out"]) == (5, {"known": 0, "repeated": 1, "similar": 0})
    worth = [one["worth"] for one in found["suggestions"]]
    assert worth == sorted(worth, reverse=True)
    sentences = list(read(tasks))
    assert [" ".join(s.words) for s in sentences] == [one["text"] for one in found["suggestions"]]
    assert [list(s.entities or ()) for s in sentences] == load(world.model).tag(sentences)
    assert {one["line"] for one in found["suggestions"]} <= {1, 2, 4, 5}


def test_label_studio_gets_predictions_and_meta(coner: Coner, world: World, source: Path, out: Path) -> None:
    done = coner("suggest", world.model, source, "-n", "9", "-o", out / "t.json", "--to", "labelstudio")
    assert done.code == 0
    tasks = json.loads((out / "t.json").read_text(encoding="utf-8"))
    assert len(tasks) == 4
    for task in tasks:
        assert task.keys() == {"data", "predictions", "meta"}
        assert task["meta"].keys() == {"worth", "uncertainty"}
    assert "4 of 5 sentences; left out: 1 repeated; fewer than 9" in done.err


def test_conll_has_the_worth_in_the_header(coner: Coner, world: World, source: Path, out: Path) -> None:
    assert coner("suggest", world.model, source, "-n", "1", "-o", out / "t.conll").code == 0
    first = (out / "t.conll").read_text(encoding="utf-8").split("\n")[1]
    assert first.startswith("# id 1\tworth=")
    assert "\tuncertainty=" in first


def test_the_table_marks_doubtful_mentions(coner: Coner, world: World, source: Path) -> None:
    shown = json.loads(coner("suggest", world.model, source, "-n", "1", "--json").out)["suggestions"][0]
    assert shown["doubtful"], "the sentence of the test has to have one"
    table = " ".join(coner("suggest", world.model, source, "-n", "1").out.split())
    span = shown["doubtful"][0]
    assert f"|{span['label']} {span['score']:.2f}]".split()[-1] in table


def test_known_sentences_are_left_out(coner: Coner, world: World, out: Path) -> None:
    done = coner("suggest", world.model, world.dev, "--known", world.train, "-n", "50", "--json")
    found = json.loads(done.out)
    known = {" ".join(s.words).lower() for s in read(world.train)}
    assert found["left_out"]["known"] >= 20  # half of dev, see ``world``
    assert found["suggestions"]
    assert not known & {one["text"].lower() for one in found["suggestions"]}


def test_the_same_command_writes_the_same_bytes(coner: Coner, world: World, source: Path, out: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        assert coner("suggest", world.model, source, "-n", "3", "-o", out / name).code == 0
    assert (out / "a.jsonl").read_bytes() == (out / "b.jsonl").read_bytes()


def test_standard_input_is_text(world: World) -> None:
    done = process("suggest", world.model, "-", "-n", "2", "--json", stdin="são paulo\n\nzürich\n".encode())
    assert {one["text"] for one in json.loads(done.out)["suggestions"]} == {"são paulo", "zürich"}


def test_a_model_without_probabilities_is_refused(coner: Coner, source: Path, out: Path, world: World) -> None:
    set_up = (
        "--set",
        "llm.base_url=http://127.0.0.1:9/v1",
        "--set",
        "llm.model=m",
        "--set",
        f"data.train={world.train}",
    )
    assert coner("train", CONFIG, *set_up, "--out", out / "llm").code == 0
    message = refusal(coner("suggest", out / "llm", source, "-o", out / "x.jsonl"))
    assert "of kind llm, whose answers have no probabilities. Fix: name a trained model; coner distil" in message
    assert not (out / "x.jsonl").exists()


def test_wrong_inputs_are_one_line(coner: Coner, world: World, source: Path, tmp_path: Path) -> None:
    def refused(*arguments: object) -> str:
        return refusal(coner("suggest", *arguments))

    empty = tmp_path / "empty.txt"
    empty.write_text("\n\n")
    assert "no such file" in refused(world.model, tmp_path / "nowhere.txt")
    assert "no such file" in refused(world.model, source, "--known", tmp_path / "nowhere.conll")
    assert "got no sentence" in refused(world.model, empty)
    assert "-n" in refused(world.model, source, "-n", "0")
    assert "ambiguous" in refused(world.model, source, "-o", tmp_path / "t.json")
    assert "is the input itself" in refused(world.model, source, "-o", source, "--to", "jsonl")
    assert "is the input itself" in refused(world.model, source, "--known", world.train, "-o", world.train)
    assert "unlabelled.txt: got 5 sentences, all of them known" in refused(world.model, source, "--known", source)
    assert "nowhere" in refused(tmp_path / "nowhere", source)
    assert "'webanno' is not one of" in refused(world.model, source, "-o", tmp_path / "t.x", "--to", "webanno")
