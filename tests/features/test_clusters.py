"""Word clusters: words of one use end up together, always in the same way; a user's file is checked line by line."""

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


def test_words_of_one_use_share_a_cluster() -> None:
    found = learn_clusters(corpus(), (6,), seed=1)
    assert len({found[city] for city in CITIES}) == 1
    assert len({found[food] for food in FOODS}) == 1
    assert found["paris"] != found["bread"]


def test_same_seed_same_clusters_in_whatever_order_the_text_comes() -> None:
    text = corpus()
    assert learn_clusters(text, (3, 6), seed=5) == learn_clusters(text, (3, 6), seed=5)
    assert learn_clusters(text[::-1], (3, 6), seed=5) == learn_clusters(text, (3, 6), seed=5)


def test_number_of_cores_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums that threads share are rounded otherwise; on a large text that alone moved words to other clusters."""
    threads: list[int] = []
    project, kmeans = clusters._project, clusters._kmeans

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: object) -> Any:
            threads.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
            return function(*arguments)

        return call

    monkeypatch.setattr(clusters, "_project", watched(project))
    monkeypatch.setattr(clusters, "_kmeans", watched(kmeans))
    with threadpool_limits(2, "blas"):
        learn_clusters(corpus(), (3, 6), seed=5)
    assert len(threads) >= 3
    assert set(threads) == {1}


def test_one_cluster_a_size_and_none_for_rare_words() -> None:
    found = learn_clusters([*corpus(), ["hapax"]], (2, 4), seed=1)
    assert {len(names) for names in found.values()} == {2}
    assert "hapax" not in found
    assert len({names[0] for names in found.values()}) <= 2


@pytest.mark.parametrize("text", [[], [["a"]], [["a", "a"]], [["a", "b"], ["a", "b"]]])
def test_tiny_texts_are_no_obstacle(text: list[list[str]]) -> None:
    counts = Counter(word for words in text for word in words)
    assert set(learn_clusters(text, (64,), seed=1)) == {word for word, count in counts.items() if count > 1}


def test_no_sizes_no_clusters() -> None:
    assert learn_clusters(corpus(), (), seed=1) == {}


def test_user_file_takes_the_place_of_learned_clusters(tmp_path: Path) -> None:
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
def test_faulty_user_file_is_one_clear_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "clusters.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message) as error:
        read_clusters(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_user_file_that_is_not_utf8_is_one_clear_line_and_a_byte_order_mark_is_no_letter(tmp_path: Path) -> None:
    path = tmp_path / "clusters.tsv"
    path.write_bytes(b"ada\t1\ncaf\xe9\t1\n")
    with pytest.raises(DataError, match=r"clusters\.tsv:2: byte 4 of the line is 0xe9, which is not UTF-8"):
        read_clusters(path)
    path.write_bytes(b"\xef\xbb\xbfada\t1\r\n")
    assert read_clusters(path) == {"ada": ("1",)}


def test_missing_user_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.tsv"):
        read_clusters(tmp_path / "none.tsv")
