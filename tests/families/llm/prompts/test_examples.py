"""Examples for a sentence: like it, covering, never itself, the same every time, and kept in a model folder."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from coner.core.errors import ConfigError, DataError, MissingExtra, ModelError
from coner.core.types import Sentence
from coner.families.llm.prompts.examples import FILE, Examples
from coner.families.llm.settings import ExampleSettings
from helpers.answering import ADA, ASPIRIN, NOBODY, TAXONOMY, sentence

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


def made(choice: str, pool: list[Sentence] = POOL, *, seed: int = 1, **settings: Any) -> Examples:
    return Examples.fit(pool, ExampleSettings(choice=choice, **settings), seed=seed, taxonomy=TAXONOMY)  # type: ignore[arg-type]


@pytest.fixture
def encoder(tiny_encoder: Callable[[str], Path]) -> str:
    return str(tiny_encoder("roberta"))


CHOICES = ["none", "fixed", "random", "bm25", "encoder"]


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("cover", [True, False])
def test_every_choice_is_the_same_each_time_and_never_the_sentence(choice: str, cover: bool, encoder: str) -> None:
    one, other = (made(choice, count=3, cover=cover, encoder=encoder) for _ in range(2))
    for query in [*POOL, QUERY, sentence("CLARA Schumann played in bern"), sentence("zzz"), sentence("é " * 400)]:
        chosen = one.choose(query)
        assert chosen == other.choose(query) == one.choose(query)
        assert " ".join(query.words).lower() not in {" ".join(each.words) for each in chosen}
        assert len({each.words for each in chosen}) == len(chosen)
        assert len(chosen) == 0 if choice == "none" else 2 <= len(chosen) <= 3


@pytest.mark.parametrize("choice", CHOICES)
def test_a_model_folder_keeps_them(choice: str, encoder: str, tmp_path: Path) -> None:
    settings = ExampleSettings(choice=choice, count=3, encoder=encoder)  # type: ignore[arg-type]
    fitted = Examples.fit(POOL, settings, seed=5, taxonomy=TAXONOMY)
    fitted.save(tmp_path)
    loaded = Examples.load(tmp_path, settings, seed=5, taxonomy=TAXONOMY)
    for query in [*POOL, QUERY]:
        mine, theirs = fitted.choose(query), loaded.choose(query)
        assert [(each.words, each.entities) for each in mine] == [(each.words, each.entities) for each in theirs]
    assert (tmp_path / FILE).exists() == (choice != "none")


def test_fixed_ones_cover_the_classes_as_far_as_any_choice_can() -> None:
    def covered(chosen: tuple[Sentence, ...]) -> int:
        return len({entity.label for each in chosen for entity in each.entities or ()})

    for count in (1, 2, 3):
        best = max(covered(some) for some in combinations(POOL, count))
        assert covered(made("fixed", count=count).choose(QUERY)) == best


def test_fixed_and_random_ones_hang_on_the_seed_and_random_ones_on_the_sentence() -> None:
    for choice in ("fixed", "random"):
        assert len({made(choice, count=3, cover=False, seed=seed).choose(QUERY) for seed in range(5)}) > 1
    draw = made("random", count=3)
    assert len({draw.choose(sentence(f"number {i}")) for i in range(5)}) > 1
    assert made("fixed", count=3).choose(QUERY) == made("fixed", list(reversed(POOL)), count=3).choose(QUERY)


def test_bm25_puts_the_likest_last_as_the_formula_has_it() -> None:
    chosen = made("bm25", count=3, cover=False).choose(QUERY)
    assert {each.words for each in chosen[1:]} == {POOL[3].words, POOL[8].words}
    likest = made("bm25", count=2, cover=False).choose(sentence("Ibuprofen"))[-1]
    assert likest == POOL[4]


def test_cover_takes_a_class_that_is_not_shown_among_near_ones_only() -> None:
    pool = [
        sentence("red green blue", (0, 1, "Artist")),
        sentence("red green cyan", (0, 1, "Artist")),
        sentence("red green pink", (0, 1, "Town")),
        sentence("far away", (0, 1, "OtherPER"), (1, 2, "Medication/Vaccine")),
    ]
    query = sentence("red green")

    def labels(cover: bool) -> list[str]:
        chosen = made("bm25", pool, count=2, cover=cover).choose(query)
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
    assert made("encoder", count=4, cover=False, encoder=encoder).choose(QUERY) == tuple(POOL[i] for i in best)


def test_sentences_without_labels_or_with_others_and_doubles_are_left_out() -> None:
    pool = [Sentence(("no", "gold")), sentence("x y", (0, 1, "Planet")), NOBODY, sentence("Nobody came"), ASPIRIN]
    assert len(made("random", pool)) == 2
    assert len(made("random", pool, count=9).choose(QUERY)) == 2


def test_bad_input_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"^examples.choice: 'bm25' needs labelled sentences .* of 1 there is none"):
        made("bm25", [Sentence(("no", "gold"))])
    settings = ExampleSettings(choice="random")
    with pytest.raises(ModelError, match=r"examples\.jsonl: is missing"):
        Examples.load(tmp_path, settings, seed=1, taxonomy=TAXONOMY)
    (tmp_path / FILE).write_text('{"text": "mars", "entities": [{"start": 0, "end": 4, "label": "Planet"}]}\n')
    with pytest.raises(DataError, match=r"examples.jsonl:1: .*Planet"):
        Examples.load(tmp_path, settings, seed=1, taxonomy=TAXONOMY)
    with pytest.raises(ModelError, match="nowhere"):
        made("encoder", encoder=str(tmp_path / "nowhere"))
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(MissingExtra, match=r"coner\[llm\]"):
        made("bm25")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"coner\[encoder\]"):
        made("encoder")
