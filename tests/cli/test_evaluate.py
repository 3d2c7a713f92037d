"""``coner evaluate``: scores of a small case by hand, as JSON and in the terminal."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coner.data import read
from coner.evaluation.score import score
from coner.families import load
from helpers import SAMPLE
from helpers.shell import Completed, World, refusal

Coner = Callable[..., Completed]

GOLD = "nina B-Artist\nsimone I-Artist\nat O\nlouvre B-Facility\n\nserena B-Athlete\nwon O\n\nit O\nrains O\n"
# One hit, one miss, one athlete predicted as an artist, and a stray I- that starts a mention.
PREDICTED = "nina B-Artist\nsimone I-Artist\nat O\nlouvre O\n\nserena B-Artist\nwon O\n\nit O\nrains I-Facility\n"
LEVEL = {"micro_f1", "macro_f1", "precision", "recall", "classes"}
CLASS = {"precision", "recall", "f1", "support", "predicted"}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    gold, predicted = tmp_path / "gold.conll", tmp_path / "predicted.conll"
    gold.write_text(GOLD)
    predicted.write_text(PREDICTED)
    return gold, predicted


def scores(coner: Coner, *arguments: object) -> dict[str, Any]:
    done = coner("evaluate", *arguments, "--json")
    assert done.code == 0, done.err
    values: dict[str, Any] = json.loads(done.out)
    return values


def test_scores_equal_those_by_hand(coner: Coner, files: tuple[Path, Path]) -> None:
    found = scores(coner, *files)
    fine, coarse = found["fine"], found["coarse"]
    third, two_thirds = pytest.approx(1 / 3), pytest.approx(2 / 3)
    assert [fine[name] for name in ("precision", "recall", "micro_f1")] == [third] * 3
    assert fine["macro_f1"] == pytest.approx((2 / 3 + 0 + 0) / 3)
    assert [coarse[name] for name in ("precision", "recall", "micro_f1")] == [two_thirds] * 3
    assert coarse["macro_f1"] == pytest.approx((1 + 0) / 2)
    assert found["span"]["f1"] == two_thirds
    artist = fine["classes"]["Artist"]
    assert [artist[name] for name in ("precision", "recall", "f1")] == [0.5, 1, two_thirds]
    counts = {label: (result["support"], result["predicted"]) for label, result in fine["classes"].items()}
    assert counts == {"Artist": (1, 2), "Athlete": (1, 0), "Facility": (1, 1)}
    assert set(coarse["classes"]) == {"Person", "Location"}
    assert [found[name] for name in ("sentences", "words", "skipped", "repaired")] == [3, 8, 0, 1]


def test_the_json_has_the_documented_keys(coner: Coner, files: tuple[Path, Path]) -> None:
    found = scores(coner, *files, "--train", files[0])
    promised = {"fine", "coarse", "span", "seen", "unseen", "sentences", "words", "skipped", "repaired"}
    assert found.keys() >= promised
    for level in ("fine", "coarse"):
        assert found[level].keys() >= LEVEL
        assert all(result.keys() >= CLASS for result in found[level]["classes"].values())
    assert "f1" in found["span"]
    assert "recall" in found["seen"].keys() & found["unseen"].keys()


def test_seen_and_unseen_need_a_training_file(coner: Coner, files: tuple[Path, Path], tmp_path: Path) -> None:
    assert not {"seen", "unseen"} & set(scores(coner, *files))
    train = tmp_path / "train.conll"
    train.write_text("Nina B-Scientist\nSimone I-Scientist\n")  # other case and label: still seen
    found = scores(coner, *files, "--train", train)
    assert (found["seen"]["recall"], found["seen"]["support"]) == (1, 1)
    assert (found["unseen"]["recall"], found["unseen"]["support"]) == (0, 2)


def test_perfect_prediction_is_one(coner: Coner, files: tuple[Path, Path]) -> None:
    found = scores(coner, files[0], files[0], "--train", files[0])
    for level in ("fine", "coarse"):
        assert {found[level][name] for name in LEVEL - {"classes"}} == {1.0}
    assert found["span"]["f1"] == found["seen"]["recall"] == 1.0


def test_taxonomy_sets_the_groups(coner: Coner, files: tuple[Path, Path], tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('[All]\nArtist = ""\nAthlete = ""\nFacility = ""\n')
    found = scores(coner, *files, "--taxonomy", mine)
    assert found["coarse"]["classes"].keys() == {"All"}
    assert found["coarse"]["macro_f1"] == pytest.approx(2 / 3)


def test_the_terminal_shows_the_same_scores_and_the_repairs(coner: Coner, files: tuple[Path, Path]) -> None:
    done = coner("evaluate", *files)
    assert done.code == 0
    assert done.err == "Warning: 1 error repaired in the predictions\n"
    lines = done.out.splitlines()
    assert lines[0] == "gold.conll, 3 sentences, 8 words"
    assert lines[1].startswith("micro F1   0.3333  [")
    assert lines[2].startswith("macro F1   0.2222  [")
    assert lines[2].endswith("over 3 classes that occur in gold")
    assert ["Artist", "0.5000", "1.0000", "0.6667", "1", "2"] in [line.split() for line in lines]
    assert ["Person", "1.0000", "1.0000", "1.0000", "2", "2"] in [line.split() for line in lines]


def test_predicted_classes_that_gold_lacks_are_reported(coner: Coner, files: tuple[Path, Path]) -> None:
    files[1].write_text(PREDICTED.replace("won O", "won B-Drink"))
    done = coner("evaluate", *files)
    assert "1 prediction of classes that do not occur in gold (Drink)" in done.err


def test_a_model_scores_like_its_predictions(coner: Coner, world: World, tmp_path: Path) -> None:
    found = scores(coner, world.dev, world.model, "--train", world.train)
    corpus = read(world.dev)
    oracle = score(corpus, load(world.model).tag(corpus)).as_dict()
    assert 0 < found["fine"]["micro_f1"] < 1
    assert found["fine"] == oracle["fine"]
    for name in ("tagged.conll", "tagged.jsonl", "tagged.conll.gz"):
        assert coner("tag", world.model, world.dev, "-o", tmp_path / name).code == 0
        assert scores(coner, world.dev, tmp_path / name, "--train", world.train) == found


def test_gold_may_be_jsonl(coner: Coner, world: World, tmp_path: Path) -> None:
    gold = tmp_path / "gold.jsonl"
    rows = []
    for sentence in read(world.dev):
        starts = [sum(len(word) + 1 for word in sentence.words[:i]) for i in range(len(sentence) + 1)]
        spans = [
            {"start": starts[e.start], "end": starts[e.end] - 1, "label": e.label} for e in sentence.entities or ()
        ]
        rows.append({"words": sentence.words, "entities": spans})
    gold.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert scores(coner, gold, world.model) == scores(coner, world.dev, world.model)


def test_different_words_are_one_line_with_both_places(coner: Coner, files: tuple[Path, Path]) -> None:
    gold, predicted = files
    predicted.write_text("# id 1\n" + PREDICTED.replace("won", "lost"))
    assert f"{predicted}:8: got 'lost' where {gold}:7 has 'won'; expected the same" in refusal(
        coner("evaluate", *files)
    )
    predicted.write_text(PREDICTED.replace("\nwon O", ""))
    assert f"{predicted}:7: got the end of the sentence where {gold}:7 has 'won'" in refusal(coner("evaluate", *files))
    predicted.write_text(PREDICTED[: PREDICTED.index("it ")])
    assert f"{predicted}: got 2 sentences where {gold} has 3" in refusal(coner("evaluate", *files))


def test_words_that_only_look_alike_are_shown_in_ascii(coner: Coner, tmp_path: Path) -> None:
    for name, word in (("gold", "Zo\u00eb"), ("predicted", "Zoe\u0308")):
        (tmp_path / f"{name}.conll").write_text(f"{word} B-PER\n", encoding="utf-8")
    files = [str(tmp_path / f"{name}.conll") for name in ("gold", "predicted")]
    assert rf"{files[1]}:1: got 'Zoe\u0308' where {files[0]}:1 has 'Zo\xeb'" in refusal(coner("evaluate", *files))


def test_schemes_give_equal_scores(coner: Coner, files: tuple[Path, Path], world: World, tmp_path: Path) -> None:
    tagged, plain = tmp_path / "bioes.conll", tmp_path / "iob2.conll"
    for path, scheme in ((tagged, "bioes"), (plain, "iob2")):
        assert coner("tag", world.model, world.dev, "-o", path, "--tags", scheme).code == 0
    assert scores(coner, tagged, tagged, "--scheme", "bioes") == scores(coner, plain, plain)
    assert scores(coner, tagged, tagged) == scores(coner, plain, plain)


def test_gold_is_repaired_only_on_request(coner: Coner, files: tuple[Path, Path]) -> None:
    gold, predicted = files
    gold.write_text(GOLD.replace("B-Facility", "I-Facility"))
    assert f"{gold}:4: " in refusal(coner("evaluate", gold, predicted))
    values = scores(coner, gold, predicted, "--repair")
    assert (values["repaired"], values["fine"]["classes"]["Facility"]["support"]) == (2, 1)


def test_label_outside_the_taxonomy_is_named_with_its_line(coner: Coner, files: tuple[Path, Path]) -> None:
    gold, predicted = files
    predicted.write_text(PREDICTED.replace("rains I-Facility", "rains B-Facilty"))
    message = refusal(coner("evaluate", gold, predicted, "--taxonomy", "multiconer2"))
    assert f"{predicted}:10: got label 'Facilty', which is not in the taxonomy;" in message
    message = refusal(coner("evaluate", predicted, gold, "--taxonomy", "multiconer2"))
    assert f"{predicted}:10: got label 'Facilty'" in message


def test_a_damaged_model_is_one_line(coner: Coner, files: tuple[Path, Path], world: World, tmp_path: Path) -> None:
    shutil.copytree(world.model, tmp_path / "model")
    (tmp_path / "model" / "lexicon.json").unlink()
    assert "lexicon.json: missing" in refusal(coner("evaluate", files[0], tmp_path / "model"))


def test_a_model_is_evaluated_by_the_groups_of_its_training(coner: Coner, world: World, out: Path) -> None:
    own = out / "own.toml"
    text = (SAMPLE.parent / "taxonomies/multiconer2.toml").read_text(encoding="utf-8")
    own.write_text(text.replace("[Medical]", "[Health]"), encoding="utf-8")
    model = out / "model"
    few = ("--set", "crf.max_iterations=3", "--set", f"data.taxonomy={own}")
    assert coner("train", *world.settings, *few, "--out", model).code == 0
    groups = scores(coner, world.dev, model)["coarse"]["classes"]
    assert "Health" in groups
    assert "Medical" not in groups
    assert "Medical" in scores(coner, world.dev, world.model)["coarse"]["classes"]


def test_two_columns_of_one_file_are_scored(coner: Coner, files: tuple[Path, Path], tmp_path: Path) -> None:
    gold, predicted = files
    pairs = zip(GOLD.split("\n"), PREDICTED.split("\n"), strict=True)
    both = tmp_path / "both.txt"
    both.write_text("\n".join(f"{a} {b.partition(' ')[2]}".strip() for a, b in pairs))
    columns = ("--columns", "word=1,gold=2,predicted=3")
    expected = scores(coner, gold, predicted)
    assert scores(coner, both, *columns) == scores(coner, both, both, *columns) == expected
    assert scores(coner, both, predicted, "--columns", "word=1,gold=2,predicted=-1") == expected
    message = refusal(coner("evaluate", both, both))
    assert f"{both}:1: got tags in columns 2 and 3" in message
    assert "coner evaluate FILE --columns word=1,gold=2,predicted=3" in message
    assert "got neither predictions nor a model. Fix: name them, or " in refusal(coner("evaluate", both))
    text = tmp_path / "a.jsonl"
    text.write_text('{"text": "a", "entities": []}\n')
    assert "got jsonl; expected columns: " in refusal(coner("evaluate", text, *columns))


def test_columns_may_be_those_of_gold_or_of_the_predictions(coner: Coner, tmp_path: Path) -> None:
    columns, objects = tmp_path / "columns.conll", tmp_path / "objects.jsonl"
    columns.write_text("1\tAna\tB-PER\tx\n2\tsang\tO\ty\n", encoding="utf-8")
    objects.write_text('{"text": "Ana sang", "entities": [{"start": 0, "end": 3, "label": "PER"}]}\n')
    for gold, predicted in ((columns, objects), (objects, columns)):
        named = scores(coner, gold, predicted, "--columns", "word=2,tag=3")
        assert named["fine"]["micro_f1"] == 1
    message = refusal(coner("evaluate", objects, objects, "--columns", "word=2,tag=3"))
    assert "objects.jsonl: got --columns word=2,tag=3, but the format has no columns" in message


def test_a_file_scored_against_itself_is_a_warning(coner: Coner, files: tuple[Path, Path]) -> None:
    gold, predicted = files
    assert "GOLD and PREDICTED are the same file" in coner("evaluate", gold, gold).err
    assert "same file" not in coner("evaluate", gold, predicted).err
