"""Examples for a sentence: similar, covering, reproducible, never the sentence itself, and saved in a model folder."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import ConfigError, DataError, MissingExtra, ModelError
from coner.core.types import Sentence
from coner.families.llm.examples import FILE, ExampleSelector
from coner.families.llm.settings import ExampleSettings
from helpers.fake_model import ADA, ASPIRIN, NOBODY, TAXONOMY, sentence

POOL = [
    ADA,
    NOBODY,
    ASPIRIN,
    sentence("clara schumann played in leipzig", (0, 2, "Artist"), (4, 5, "Town")),
    sentence("ibuprofen is a drug", (0, 1, "Medication/Vaccine")),
    sentence("the painter frida kahlo", (2, 4, "Artist")),
    sentence("he lives in basel", (3, 4, "Town")),
    sentence("grace hopper wrote a compiler", (0, 2, "OtherPER")),
    sentence("clara schumann played in bern", (0, 2, "Artist"), (4, 5, "Town")),
]
QUERY = sentence("clara schumann played in london")


def selector(choice: str, pool: list[Sentence] = POOL, *, seed: int = 1, **settings: Any) -> ExampleSelector:
    return ExampleSelector.fit(pool, ExampleSettings(choice=choice, **settings), seed=seed, taxonomy=TAXONOMY)  # type: ignore[arg-type]


@pytest.fixture
def encoder(tiny_encoder: Callable[[str], Path]) -> str:
    return str(tiny_encoder("roberta"))


CHOICES = ["none", "fixed", "random", "bm25", "encoder"]


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("cover", [True, False])
def test_examples_are_reproducible_and_never_the_sentence_itself(choice: str, cover: bool, encoder: str) -> None:
    one, other = (selector(choice, count=3, cover=cover, encoder=encoder) for _ in range(2))
    for query in [*POOL, QUERY, sentence("CLARA Schumann played in bern"), sentence("zzz"), sentence("é " * 400)]:
        chosen = one.select(query)
        assert chosen == other.select(query) == one.select(query)
        assert " ".join(query.words).lower() not in {" ".join(each.words) for each in chosen}
        assert len({each.words for each in chosen}) == len(chosen)
        assert len(chosen) == 0 if choice == "none" else 2 <= len(chosen) <= 3


@pytest.mark.parametrize("choice", CHOICES)
def test_a_model_folder_keeps_the_examples(choice: str, encoder: str, tmp_path: Path) -> None:
    settings = ExampleSettings(choice=choice, count=3, encoder=encoder)  # type: ignore[arg-type]
    fitted = ExampleSelector.fit(POOL, settings, seed=5, taxonomy=TAXONOMY)
    fitted.save(tmp_path)
    loaded = ExampleSelector.load(tmp_path, settings, seed=5, taxonomy=TAXONOMY)
    for query in [*POOL, QUERY]:
        mine, theirs = fitted.select(query), loaded.select(query)
        assert [(each.words, each.entities) for each in mine] == [(each.words, each.entities) for each in theirs]
    assert (tmp_path / FILE).exists() == (choice != "none")


def test_fixed_examples_cover_as_many_classes_as_possible() -> None:
    def covered(chosen: tuple[Sentence, ...]) -> int:
        return len({entity.label for each in chosen for entity in each.entities or ()})

    for count in (1, 2, 3):
        best = max(covered(some) for some in combinations(POOL, count))
        assert covered(selector("fixed", count=count).select(QUERY)) == best


def test_fixed_examples_depend_on_the_seed_and_random_ones_on_the_sentence_too() -> None:
    for choice in ("fixed", "random"):
        assert len({selector(choice, count=3, cover=False, seed=seed).select(QUERY) for seed in range(5)}) > 1
    draw = selector("random", count=3)
    assert len({draw.select(sentence(f"number {i}")) for i in range(5)}) > 1
    assert selector("fixed", count=3).select(QUERY) == selector("fixed", list(reversed(POOL)), count=3).select(QUERY)


def test_bm25_puts_the_most_similar_sentence_last() -> None:
    chosen = selector("bm25", count=3, cover=False).select(QUERY)
    assert {each.words for each in chosen[1:]} == {POOL[3].words, POOL[8].words}
    most_similar = selector("bm25", count=2, cover=False).select(sentence("Ibuprofen"))[-1]
    assert most_similar == POOL[4]


def test_cover_prefers_new_classes_among_about_equally_good_candidates_only() -> None:
    pool = [
        sentence("red green blue", (0, 1, "Artist")),
        sentence("red green cyan", (0, 1, "Artist")),
        sentence("red green pink", (0, 1, "Town")),
        sentence("far away", (0, 1, "OtherPER"), (1, 2, "Medication/Vaccine")),
    ]
    query = sentence("red green")

    def labels(cover: bool) -> list[str]:
        chosen = selector("bm25", pool, count=2, cover=cover).select(query)
        return [entity.label for each in chosen for entity in each.entities or ()]

    assert sorted(labels(cover=True)) == ["Artist", "Town"]
    assert labels(cover=False) == ["Artist", "Artist"]


def test_an_encoder_ranks_by_the_cosine_of_mean_vectors(encoder: str) -> None:
    import numpy as np
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(encoder), AutoModel.from_pretrained(encoder).eval()

    def vector(one: Sentence) -> Any:
        with torch.inference_mode():  # one by one, without padding
            hidden = model(**tokenizer(" ".join(one.words), return_tensors="pt")).last_hidden_state
        return hidden[0].mean(0).numpy()

    query = vector(QUERY)
    scores = [float(vector(e) @ query / np.linalg.norm(vector(e)) / np.linalg.norm(query)) for e in POOL]
    best = sorted(range(len(POOL)), key=lambda i: scores[i])[-4:]
    assert selector("encoder", count=4, cover=False, encoder=encoder).select(QUERY) == tuple(POOL[i] for i in best)


def test_unlabelled_sentences_unknown_labels_and_duplicates_are_left_out() -> None:
    pool = [Sentence(("no", "gold")), sentence("x y", (0, 1, "Planet")), NOBODY, sentence("Nobody came"), ASPIRIN]
    assert len(selector("random", pool)) == 2
    assert len(selector("random", pool, count=9).select(QUERY)) == 2


def test_bad_input_is_reported_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"^examples\.choice: got 'bm25', and none of 1 sentences has labels"):
        selector("bm25", [Sentence(("no", "gold"))])
    settings = ExampleSettings(choice="random")
    with pytest.raises(ModelError, match=r"examples\.jsonl: the file is missing"):
        ExampleSelector.load(tmp_path, settings, seed=1, taxonomy=TAXONOMY)
    (tmp_path / FILE).write_text('{"text": "mars", "entities": [{"start": 0, "end": 4, "label": "Planet"}]}\n')
    with pytest.raises(DataError, match=r"examples.jsonl:1: .*Planet"):
        ExampleSelector.load(tmp_path, settings, seed=1, taxonomy=TAXONOMY)
    with pytest.raises(ModelError, match="nowhere"):
        selector("encoder", encoder=str(tmp_path / "nowhere"))
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(MissingExtra, match=r"coner\[llm\]"):
        selector("bm25")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"coner\[encoder\]"):
        selector("encoder")
