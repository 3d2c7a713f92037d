"""Data sets with different labels, read as one."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from coner.config.experiment import DataSettings, UnionFiles
from coner.core.errors import ConfigError, DataError
from coner.core.tags import TagSet, read_tags
from coner.core.types import Entity
from coner.data import write_conll
from coner.data.splits import SplitCache, read_splits
from helpers.fake_model import sentence

ONE = [sentence("ada met bob", (0, 1, "Person")), sentence("oslo is cold")]
ZOE = sentence("zoe", (0, 1, "Person"))
TWO = [sentence("in rome", (1, 2, "City")), sentence("aspirin helps ada", (0, 1, "Drug"))]


def write(folder: Path, **files: Any) -> dict[str, Path]:
    paths = {name: folder / f"{name}.conll" for name in files}
    for name, sentences in files.items():
        with paths[name].open("w") as file:
            write_conll(sentences, file)
    return paths


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    one_dev, two_dev = [sentence("eve left", (0, 1, "Person"))], [sentence("bern is old", (0, 1, "City"))]
    return write(tmp_path, one=ONE, two=TWO, one_dev=one_dev, two_dev=two_dev)


def settings(files: dict[str, Path], **more: Any) -> DataSettings:
    second = UnionFiles(train=files["two"], dev=files.get("two_dev"), test=files.get("two_test"))
    return DataSettings(train=files["one"], dev=files.get("one_dev"), union=(second,), **more)


def test_unlabelled_words_may_have_labels_of_the_others(files: dict[str, Path]) -> None:
    splits, taxonomy = read_splits(settings(files))
    assert taxonomy.labels == ("City", "Drug", "Person")
    train = splits["train"].sentences
    assert [s.words for s in train] == [s.words for s in (*ONE, *TWO)]
    tags = TagSet(taxonomy.labels)
    for found, written in zip(train, (*ONE, *TWO), strict=True):
        own = {"Person"} if written in ONE else {"City", "Drug"}
        assert found.annotated == own
        sets = tags.allowed_by(found.regions or (), len(written))
        allowed = set(product(*([tags.tags[id] for id in ids] for ids in sets)))
        for tagging in product(tags.tags, repeat=len(written)):
            entities, faults = read_tags(tagging)
            if not faults:  # valid: it is allowed if it has exactly the annotated mentions of the file's own labels
                kept = [entity for entity in entities if entity.label in own]
                assert (tagging in allowed) == (kept == list(written.entities or ()))


def test_dev_has_the_sentences_of_all_files_with_their_own_labels(files: dict[str, Path]) -> None:
    dev = read_splits(settings(files))[0]["dev"].corpus
    assert [(s.words[0], s.entities, sorted(s.annotated or ())) for s in dev] == [
        ("eve", (Entity(0, 1, "Person"),), ["Person"]),
        ("bern", (Entity(0, 1, "City"),), ["City", "Drug"]),
    ]
    assert dev.path.name == "one_dev.conll+two_dev.conll"


def test_a_label_of_dev_alone_is_annotated_too(tmp_path: Path, files: dict[str, Path]) -> None:
    files |= write(tmp_path, one_dev=[sentence("eve saw rome", (0, 1, "Person"), (2, 3, "City"))])
    train = read_splits(settings(files))[0]["train"].sentences
    assert train[0].annotated == {"Person", "City"}
    assert all("City" not in region.labels for region in train[1].regions or ())


def test_texts_of_any_dev_or_test_file_are_left_out(tmp_path: Path, files: dict[str, Path]) -> None:
    files |= write(tmp_path, two_dev=[ONE[1], sentence("bern", (0, 1, "City"))], two_test=[TWO[1]])
    train = read_splits(settings(files))[0]["train"]
    assert [s.words for s in train.sentences] == [ONE[0].words, TWO[0].words]
    assert "left out, as they are in dev or test too: 1 sentence" in train.corpus.notes
    assert train.extras[0].left_out == (1,)


def test_the_hash_changes_with_the_sentences_that_are_left_out(tmp_path: Path, files: dict[str, Path]) -> None:
    before = read_splits(settings(files))[0]["train"]
    apart = read_splits(settings(files, test=write(tmp_path, apart=[sentence("eve", (0, 1, "Person"))])["apart"]))[0]
    shared = read_splits(settings(files, test=write(tmp_path, shared=[ONE[0]])["shared"]))[0]
    assert len(shared["train"].corpus) == len(before.corpus) - 1
    assert apart["train"].sha256 == before.sha256 != shared["train"].sha256


def test_without_dev_files_some_of_each_is_held_out(tmp_path: Path) -> None:
    one = [sentence(f"ada met bob {i}", (0, 1, "Person")) for i in range(20)]
    two = [sentence(f"in rome {i}", (1, 2, "City")) for i in range(30)]
    files = write(tmp_path, one=one, two=two)
    splits = read_splits(settings(files))[0]
    assert len(splits["train"].sentences) + len(splits["dev"].corpus) == 50
    assert {s.annotated for s in splits["dev"].corpus} == {frozenset({"Person"}), frozenset({"City"})}


def test_the_hashes_change_with_files_and_their_labels(tmp_path: Path, files: dict[str, Path]) -> None:
    before = read_splits(settings(files))[0]
    files |= write(tmp_path, two_dev=[sentence("ada left", (0, 1, "Person"))])  # Person is now annotated in both
    after = read_splits(settings(files))[0]
    assert before["dev"].sha256 != after["dev"].sha256
    assert before["train"].sha256 == after["train"].sha256
    assert before["train"].extras[0].sha256 != after["train"].extras[0].sha256


def test_what_cannot_be_united_is_refused(tmp_path: Path, files: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match=r"data\.union: got .*one\.conll twice; expected different files"):
        read_splits(settings({**files, "two": files["one"]}))
    same = write(tmp_path, same=[sentence("bob left", (0, 1, "Person"))])["same"]
    with pytest.raises(DataError, match=r"data\.union: got the same labels in all files: Person"):
        read_splits(settings({**files, "two": same, "two_dev": write(tmp_path, zoe=[ZOE])["zoe"]}))
    none = write(tmp_path, none=[sentence("nobody came")])["none"]
    with pytest.raises(DataError, match=r"none\.conll: got no mention"):
        read_splits(settings({**files, "two": none}))
    with pytest.raises(ConfigError, match=r"data\.take: cannot be combined with data\.union"):
        read_splits(settings(files, take=2))


def test_a_random_sample_of_a_union_is_refused_by_the_cache_of_splits_too(files: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match=r"data\.take: cannot be combined with data\.union"):
        SplitCache().read(settings(files, take=2, take_seed=1))


def test_dev_files_in_another_order_are_refused(tmp_path: Path, files: dict[str, Path]) -> None:
    files |= write(tmp_path, one_dev=[ZOE] * 11, two_dev=[sentence("bern is old", (0, 1, "City"))] * 11)
    swapped = {**files, "one_dev": files["two_dev"], "two_dev": files["one_dev"]}
    with pytest.raises(DataError, match=r"two_dev.conll: got other labels \(City\) than .*one.conll \(Person\)"):
        read_splits(settings(swapped))


def test_labels_that_differ_in_case_only_are_named(tmp_path: Path, files: dict[str, Path]) -> None:
    files |= write(tmp_path, two=[*TWO, sentence("bob", (0, 1, "person"))])
    [note] = read_splits(settings(files))[0]["train"].corpus.notes
    assert note.endswith("--rename person=Person")
