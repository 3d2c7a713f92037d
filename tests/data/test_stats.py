"""Statistics of a file, compared with counts by hand and a plain recount."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from coner.core.types import Entity, Sentence, surfaces
from coner.data import stream
from coner.data.stats import describe, group_faults, watch_labels

BY_HAND = [
    Sentence(("Paris", "is", "Paris"), (Entity(0, 1, "City"), Entity(2, 3, "Person")), id="1"),
    Sentence(("paris", "IS", "paris"), (Entity(0, 1, "City"),), id="2"),
    Sentence(("new", "york", "york"), (Entity(0, 2, "City"), Entity(2, 3, "City")), id="1"),
    Sentence(("york", "paris"), (Entity(0, 1, "City"), Entity(1, 2, "Person"))),
    Sentence(("nothing",), (), id="1"),
    Sentence(("no", "labels"), None),
]


def test_counts_of_a_corpus_by_hand() -> None:
    found = describe(BY_HAND, seen={"paris", "york new"})
    assert found == {
        "sentences": 6,
        "words": 14,
        "mentions": 7,
        "unlabelled": 1,
        "without_mention": 1,
        "sentence_words": {"mean": 14 / 6, "median": 2, "p95": 3, "longest": 3},
        "mention_words": {"mean": 8 / 7, "median": 1, "p95": 2, "longest": 2},
        "classes": {"City": 5, "Person": 2},
        "touching": 1,
        "repeated_texts": 1,
        "repeats": 1,
        "repeated_ids": {"1": 3},
        "ambiguous": {"paris": {"City": 2, "Person": 2}},
        "unseen": 3,
        "unseen_rate": 3 / 7,
    }
    assert json.loads(json.dumps(found)) == found


def test_unseen_needs_another_file_and_a_rate_needs_mentions() -> None:
    alone, nothing = describe(BY_HAND), describe([], seen=set())
    assert (alone["unseen"], alone["unseen_rate"]) == (None, None)
    assert [nothing[key] for key in ("unseen", "unseen_rate", "sentences")] == [0, None, 0]
    assert nothing["mention_words"] == dict.fromkeys(("mean", "median", "p95", "longest"), 0)


def test_surfaces_are_lower_cased_mentions() -> None:
    assert surfaces(BY_HAND) == {"paris", "new york", "york"}


@given(st.lists(st.integers(1, 9), min_size=1, max_size=70))
def test_spreads_match_a_sorted_list(lengths: list[int]) -> None:
    spread = describe([Sentence(("w",) * length) for length in lengths])["sentence_words"]
    ordered = sorted(lengths)
    assert math.isclose(spread["mean"], statistics.mean(lengths))
    assert spread["median"] == statistics.median_low(lengths)
    assert spread["longest"] == ordered[-1]
    assert sum(n <= spread["p95"] for n in lengths) * 20 >= 19 * len(lengths)
    assert sum(n < spread["p95"] for n in lengths) * 20 < 19 * len(lengths)


@given(st.lists(st.lists(st.sampled_from(["a", "A", "b"]), min_size=1, max_size=2), max_size=12))
def test_repeats_do_not_count_the_first_sentence_of_a_text(texts: list[list[str]]) -> None:
    counts = Counter(" ".join(words).lower() for words in texts)
    found = describe(Sentence(tuple(words)) for words in texts)
    assert found["repeated_texts"] == len([text for text, count in counts.items() if count > 1])
    assert found["repeats"] == len(texts) - len(counts)


def test_faults_are_grouped_with_all_their_lines() -> None:
    faults = [(9, "late"), (2, "often"), (4, "once"), (7, "often")]
    assert list(group_faults(faults).items()) == [("often", [2, 7]), ("once", [4]), ("late", [9])]


def test_an_unknown_label_is_reported_with_its_line(tmp_path: Path) -> None:
    conll, jsonl = tmp_path / "a.conll", tmp_path / "a.jsonl"
    conll.write_text("\n# id 1\na O\nb B-Odd\nc I-Odd\n\nd B-City\ne B-Odd\n")
    jsonl.write_text('{"text": "a b", "entities": [{"start": 2, "end": 3, "label": "Odd"}]}\n')
    for path, lines in ((conll, [4, 8]), (jsonl, [1])):
        reported: list[tuple[int, str]] = []
        watched = watch_labels(stream(path), ["City"], lambda *fault, reported=reported: reported.append(fault))
        assert list(watched) == list(stream(path))
        assert reported == [(line, "got label 'Odd', which is not in the taxonomy") for line in lines]
