"""Nested samples: exact sizes, smaller ones within larger ones, classes in proportion, and rare ones kept."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.config.experiment import DataSettings, ExtraFile
from coner.core.errors import ConfigError
from coner.core.types import Entity, Sentence
from coner.data import read
from coner.data.samples import nested_sample
from coner.data.splits import SplitCache, read_splits
from coner.families.settings import parse_data
from helpers import SAMPLE


def classes(sentences: list[Sentence]) -> Counter[str]:
    return Counter(entity.label for sentence in sentences for entity in sentence.entities or ())


@given(
    texts=st.lists(st.tuples(st.integers(0, 8), st.sampled_from("ABCD-")), max_size=40),
    counts=st.lists(st.integers(0, 45), min_size=2, max_size=4).map(sorted),
    seed=st.integers(0, 5),
)
def test_samples_have_the_size_asked_for_and_contain_smaller_ones(
    texts: list[tuple[int, str]], counts: list[int], seed: int
) -> None:
    sentences = [
        Sentence((f"w{text}",), () if label == "-" else (Entity(0, 1, label),), id=str(i))
        for i, (text, label) in enumerate(texts)
    ]
    samples = [nested_sample(sentences, count, seed=seed) for count in counts]
    for count, sample in zip(counts, samples, strict=True):
        ids = [int(sentence.id or 0) for sentence in sample]
        assert len(ids) == min(count, len(sentences)) and ids == sorted(set(ids))
    for small, large in pairwise(samples):
        assert {sentence.id for sentence in small} <= {sentence.id for sentence in large}


def test_classes_stay_in_proportion_and_none_is_lost_while_there_is_room() -> None:
    sentences = list(read(SAMPLE / "train.conll"))
    rare = Sentence(("a", "unicum"), (Entity(1, 2, "Unicum"),))
    sentences.insert(123, rare)
    whole = classes(sentences)
    for part in (2, 4, 8):
        found = classes(nested_sample(sentences, len(sentences) // part, seed=7))
        assert found.keys() == whole.keys()
        for label, count in whole.items():
            assert abs(found[label] - count / part) <= max(2, 0.25 * count / part), label


def test_seeds_give_other_samples_and_the_same_seed_the_same() -> None:
    sentences = list(read(SAMPLE / "train.conll"))
    one, again, two = (nested_sample(sentences, 100, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert len({s.words for s in one} & {s.words for s in two}) < 60


def test_a_sample_of_the_training_split_leaves_the_other_splits_and_files_whole(tmp_path: Path) -> None:
    extra = tmp_path / "extra.conll"
    extra.write_text("unknown O\nplace B-Facility\n", encoding="utf-8")
    files = {"train": SAMPLE / "train.conll", "dev": SAMPLE / "dev.conll", "extra": (ExtraFile(file=extra),)}
    whole, taxonomy = read_splits(DataSettings(**files))
    settings = DataSettings(**files, take=50, take_seed=3)
    sampled, same = read_splits(settings)
    assert sampled["train"].corpus.sentences == tuple(nested_sample(whole["train"].corpus, 50, seed=3))
    assert sampled["train"].extras == whole["train"].extras
    assert sampled["dev"].sentences == whole["dev"].sentences and same == taxonomy
    hashes = {whole["train"].sha256, sampled["train"].sha256}
    for changes in ({"take": 51}, {"take_seed": 4}):
        hashes.add(read_splits(settings.model_copy(update=changes))[0]["train"].sha256)
    assert len(hashes) == 4
    cached, _ = SplitCache().read(settings)
    assert [(s.sha256, s.sentences) for s in cached.values()] == [(s.sha256, s.sentences) for s in sampled.values()]


def test_samples_share_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from coner.data import splits

    calls: list[object] = []
    reading = splits.read
    monkeypatch.setattr(splits, "read", lambda *a, **k: calls.append(a) or reading(*a, **k))
    cache, files = SplitCache(), {"train": SAMPLE / "train.conll", "dev": SAMPLE / "dev.conll"}
    for take in (20, 40, 80):
        cache.read(DataSettings(**files, take=take, take_seed=1))
    assert len(calls) == 2


def test_a_seed_without_a_size_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data.take_seed: got 3 without data.take"):
        parse_data({"data": {"take_seed": 3}})
