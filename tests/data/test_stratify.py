"""Splits: no leaks, classes in proportion, the same on any machine."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import ConerError, DataError, OutputError
from coner.core.files import sha256
from coner.core.types import Entity, Sentence
from coner.data.corpus import read
from coner.data.formats import WriteOptions
from coner.data.formats.conll import Conll
from coner.data.stratify import duplicate_key, split_corpus, write_splits


def corpus(size: int, seed: int = 0) -> list[Sentence]:
    """Random sentences over few words, so that texts repeat, with classes from frequent to rare."""
    rng = random.Random(seed)
    made = []
    for i in range(size):
        words = tuple(rng.choice(["a", "A", "b", "c"]) + str(rng.randrange(8)) for _ in range(rng.randint(2, 4)))
        labels = rng.choices(["Often", "Some", "Rare", ""], [60, 25, 5, 10], k=len(words))
        entities = tuple(Entity(n, n + 1, label) for n, label in enumerate(labels) if label)
        made.append(Sentence(words, entities, id=str(i)))
    return made


@given(
    texts=st.lists(st.integers(0, 12), min_size=13, max_size=60),
    dev=st.floats(0, 0.4),
    test=st.floats(0, 0.4),
    seed=st.integers(),
)
def test_each_sentence_is_in_one_split_in_order_and_no_text_in_two(
    texts: list[int], dev: float, test: float, seed: int
) -> None:
    sentences = [Sentence((f"{'w' if i % 2 else 'W'}{text}",), (), id=str(i)) for i, text in enumerate(texts)]
    try:
        splits = split_corpus(sentences, dev=dev, test=test, seed=seed)
    except DataError:
        return
    assert sorted((s for split in splits.values() for s in split), key=lambda s: int(s.id or 0)) == sentences
    keys = [{duplicate_key(s) for s in split} for split in splits.values()]
    assert sum(map(len, keys)) == len(set().union(*keys))
    for split in splits.values():
        ids = [int(s.id or 0) for s in split]
        assert ids == sorted(ids)


def test_every_class_is_kept_in_proportion() -> None:
    sentences = corpus(3000)
    splits = split_corpus(sentences, dev=0.1, test=0.2)
    whole = Counter(e.label for s in sentences for e in s.entities or ())
    for name, share in {"train": 0.7, "dev": 0.1, "test": 0.2}.items():
        counts = Counter(e.label for s in splits[name] for e in s.entities or ())
        for label, count in whole.items():
            assert counts[label] / count == pytest.approx(share, abs=0.02)
        assert len(splits[name]) / len(sentences) == pytest.approx(share, abs=0.02)


def test_a_class_of_ten_is_distributed_exactly() -> None:
    rare = [Sentence((f"rare{i}",), (Entity(0, 1, "Rare"),)) for i in range(10)]
    often = [Sentence((f"often{i}",), (Entity(0, 1, "Often"),)) for i in range(990)]
    for seed in range(5):
        splits = split_corpus(often + rare, dev=0.1, test=0.1, seed=seed)
        counts = {name: sum(s.words[0].startswith("rare") for s in split) for name, split in splits.items()}
        assert counts == {"train": 8, "dev": 1, "test": 1}


@pytest.mark.parametrize("unlabelled", [0, 1, 10])
def test_no_split_is_small_where_every_class_has_one_mention(unlabelled: int) -> None:
    sentences = [Sentence((f"w{i}",), (Entity(0, 1, f"label{i}"),)) for i in range(100 - unlabelled)]
    sentences += [Sentence((f"o{i}",), ()) for i in range(unlabelled)]
    splits = split_corpus(sentences, dev=0.1, test=0.2)
    sizes = {name: len(split) for name, split in splits.items()}
    assert sizes == pytest.approx({"train": 70, "dev": 10, "test": 20}, abs=5)


def test_the_split_depends_on_the_seed_and_not_on_the_order() -> None:
    sentences = corpus(400)
    shuffled = random.Random(1).sample(sentences, len(sentences))
    one, same, other = split_corpus(sentences), split_corpus(shuffled), split_corpus(sentences, seed=2)
    assert {s.id for s in one["dev"]} == {s.id for s in same["dev"]}
    assert {s.id for s in one["dev"]} != {s.id for s in other["dev"]}


def test_the_split_is_the_same_on_any_machine() -> None:
    splits = split_corpus([Sentence((f"w{i}",), ()) for i in range(20)], dev=0.1, test=0.1, seed=1)
    assert [s.words[0] for s in splits["dev"] + splits["test"]] == ["w16", "w18", "w0", "w3"]


def test_repeated_texts_count_as_often_as_they_occur() -> None:
    sentences = [Sentence((f"w{text}",), ()) for text in range(50) for _ in range(9 if text % 2 else 1)]
    for seed in range(5):
        assert len(split_corpus(sentences, dev=0.2, test=0, seed=seed)["dev"]) == pytest.approx(50, abs=9)


def test_a_split_with_share_0_is_left_out() -> None:
    assert split_corpus(corpus(50), test=0).keys() == {"train", "dev"}
    assert split_corpus(corpus(50), dev=0, test=0) == {"train": corpus(50)}


@pytest.mark.parametrize(("dev", "test"), [(-0.1, 0.1), (0.5, 0.5), (0.1, 2), (float("nan"), 0.1)])
def test_shares_that_leave_no_training_split_are_refused(dev: float, test: float) -> None:
    with pytest.raises(ConerError, match="sum to less than 1"):
        split_corpus(corpus(50), dev=dev, test=test)


def test_too_few_sentences_are_refused() -> None:
    with pytest.raises(DataError, match=r"got 2 different sentences, and \w+ would be empty"):
        split_corpus([Sentence(("a",), ()), Sentence(("A",), ()), Sentence(("b",), ())])


def test_splits_are_written_in_the_layout_of_their_source(tmp_path: Path) -> None:
    blocks = [f"# id {i}\tdomain=en\nw{i} _ _ B-X\n\n\n" for i in range(30)]
    source = tmp_path / "all.conll"
    source.write_text("\n" + "".join(blocks)[:-1])
    whole = read(source)
    splits = split_corpus(whole)
    files = write_splits(splits, tmp_path / "new" / "folder", "conll", WriteOptions(whole.layout))
    assert files.keys() == {"train", "dev", "test"}
    for name, path in files.items():
        kept = "".join(blocks[int(s.id or 0)] for s in splits[name])
        assert path.read_text() == "\n" + kept[:-1]
    before = sha256(files["dev"])
    write_splits(split_corpus(read(source)), tmp_path / "new" / "folder", "conll", WriteOptions(whole.layout))
    assert sha256(files["dev"]) == before


def test_splits_may_be_written_as_jsonl(tmp_path: Path) -> None:
    files = write_splits(split_corpus(corpus(50)), tmp_path, "jsonl")
    assert files["train"].name == "train.jsonl"
    assert [s.id for s in read(files["train"])] == [s.id for s in split_corpus(corpus(50))["train"]]


@pytest.mark.parametrize("old", ["test.conll", "dev.jsonl"])
def test_files_of_another_split_in_the_folder_are_refused(tmp_path: Path, old: str) -> None:
    splits = split_corpus(corpus(50), test=0)
    (tmp_path / old).write_text("old")
    with pytest.raises(OutputError, match=rf"{old}: belongs to another split. Fix: move it, or choose"):
        write_splits(splits, tmp_path, "conll")
    assert [path.name for path in tmp_path.iterdir()] == [old]
    (tmp_path / old).unlink()
    assert write_splits(splits, tmp_path, "conll") == write_splits(splits, tmp_path, "conll")


def test_an_interrupted_split_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_splits(split_corpus(corpus(50)), tmp_path, "conll")
    before = {path: sha256(path) for path in files.values()}
    write, calls = Conll.write_text, iter(range(9))

    def stopped(*given: Any) -> Any:
        if next(calls) == 1:
            raise KeyboardInterrupt
        return write(*given)

    monkeypatch.setattr(Conll, "write_text", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_splits(split_corpus(corpus(50), seed=2), tmp_path, "conll")
    assert {path: sha256(path) for path in files.values()} == before
    assert sorted(tmp_path.iterdir()) == sorted(before)


def test_a_folder_that_cannot_be_created_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_splits({}, tmp_path / "file" / "x", "conll")
