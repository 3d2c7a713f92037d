"""Word clusters: learning, reproducibility, and the checks of a user's file."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from coner.core.errors import DataError
from coner.features import Lexicon, clusters
from coner.features.clusters import learn_clusters, read_clusters

CITIES, FOODS = ["paris", "rome", "oslo", "lima"], ["bread", "rice", "soup", "cheese"]


def corpus() -> list[list[str]]:
    rng = random.Random(3)
    cities = [["she", "lives", "in", rng.choice(CITIES), "near", "the", "river"] for _ in range(60)]
    foods = [["they", "ate", "some", rng.choice(FOODS), "with", "old", "wine"] for _ in range(60)]
    return cities + foods


def test_words_in_similar_contexts_share_a_cluster() -> None:
    learned = learn_clusters(corpus(), (6,), seed=1)
    assert len({learned[city] for city in CITIES}) == 1
    assert len({learned[food] for food in FOODS}) == 1
    assert learned["paris"] != learned["bread"]


def test_clusters_depend_on_the_seed_but_not_on_the_order_of_the_text() -> None:
    text = corpus()
    assert learn_clusters(text, (3, 6), seed=5) == learn_clusters(text, (3, 6), seed=5)
    assert learn_clusters(text[::-1], (3, 6), seed=5) == learn_clusters(text, (3, 6), seed=5)


def test_learning_uses_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounding depends on the number of threads, and can move words to other clusters."""
    threads: list[int] = []
    project, kmeans = clusters._project, clusters._kmeans

    def recording(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: object) -> Any:
            threads.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
            return function(*arguments)

        return call

    monkeypatch.setattr(clusters, "_project", recording(project))
    monkeypatch.setattr(clusters, "_kmeans", recording(kmeans))
    with threadpool_limits(2, "blas"):
        learn_clusters(corpus(), (3, 6), seed=5)
    assert len(threads) >= 3
    assert set(threads) == {1}


def test_one_cluster_per_size_and_none_for_rare_words() -> None:
    learned = learn_clusters([*corpus(), ["hapax"]], (2, 4), seed=1)
    assert {len(names) for names in learned.values()} == {2}
    assert "hapax" not in learned
    assert len({names[0] for names in learned.values()}) <= 2


@pytest.mark.parametrize("text", [[], [["a"]], [["a", "a"]], [["a", "b"], ["a", "b"]]])
def test_tiny_texts(text: list[list[str]]) -> None:
    counts = Counter(word for words in text for word in words)
    assert set(learn_clusters(text, (64,), seed=1)) == {word for word, count in counts.items() if count > 1}


def test_no_sizes_give_no_clusters() -> None:
    assert learn_clusters(corpus(), (), seed=1) == {}


def test_a_user_file_replaces_learned_clusters(tmp_path: Path) -> None:
    path = tmp_path / "clusters.tsv"
    path.write_text("paris\tA\tA1\nनम\u200dस\tB\tB2\n", encoding="utf-8")
    lexicon = Lexicon.learn([], sizes=(4,), seed=1, cluster_file=path)
    assert lexicon.clusters == {"paris": ("A", "A1"), "नम\u200dस": ("B", "B2")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("paris\tA\nrome\n", ":2: expected word<TAB>cluster"),
        ("paris\t\n", ":1: expected word<TAB>cluster"),
        ("\tA\n", ":1: expected word<TAB>cluster"),
        ("paris\tA\nparis\tB\n", ":2: got word 'paris' twice"),
        ("", "got no clusters"),
    ],
)
def test_error_of_a_faulty_user_file_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "clusters.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message) as error:
        read_clusters(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_user_file_must_be_utf8_with_an_optional_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "clusters.tsv"
    path.write_bytes(b"ada\t1\ncaf\xe9\t1\n")
    with pytest.raises(DataError, match=r"clusters\.tsv:2: byte 4 of the line is 0xe9, which is not UTF-8"):
        read_clusters(path)
    path.write_bytes(b"\xef\xbb\xbfada\t1\r\n")
    assert read_clusters(path) == {"ada": ("1",)}


def test_missing_user_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.tsv"):
        read_clusters(tmp_path / "none.tsv")
