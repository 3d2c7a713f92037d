"""Keyboard noise: one edit per word, of the reported type, and nothing else changes."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import ConerError
from coner.core.types import Entity, Sentence
from coner.data.noise import TYPES, VERSION, Noise, Typo, load_keyboard, mistype, retype
from coner.data.reading.words import sentence_from_text

QWERTY = load_keyboard("qwerty")
# Some keys with their neighbours, by hand; the alphabet of the words below.
NEAR = {"a": "qwsz", "s": "awedzx", "g": "tyfhvb", "m": "njk", "p": "0ol"}
WORDS = st.one_of(
    st.text("asgmpASGMP", min_size=1, max_size=7),
    st.text("aS\u200b\u093f京é-.", min_size=1, max_size=5),
    st.sampled_from(["京都", "।", "--", "\u200b", "İ", "é", "ß"]),
)


@st.composite
def sentences(draw: st.DrawFn) -> Sentence:
    words = draw(st.lists(WORDS, min_size=1, max_size=12))
    cuts = sorted(set(draw(st.lists(st.integers(0, len(words)), max_size=6))))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    return Sentence(tuple(words), tuple(Entity(a, b, "Artist") for a, b in pairs), id="7", header=("# id 7",))


def noise(**options: Any) -> Noise:
    return Noise(QWERTY, **{"rate": 1.0, **options})


def damerau_levenshtein(a: str, b: str) -> int:
    """Optimal string alignment, by its textbook recurrence."""
    d = {(i, j): max(i, j) for i in range(len(a) + 1) for j in range(len(b) + 1) if not i or not j}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and (a[i - 1], a[i - 2]) == (b[j - 2], b[j - 1]):
                d[i, j] = min(d[i, j], d[i - 2, j - 2] + 1)
    return d[len(a), len(b)]


def explained(before: str, type: str, after: str) -> bool:
    """Whether one edit of this type, with neighbours by hand, turns one word into the other, ignoring case."""
    a, b = before.lower(), after.lower()
    spots = range(len(a) + 1)
    if type == "replace":
        changes = [(x, y) for x, y in zip(a, b, strict=True) if x != y]
        return len(changes) == 1 and changes[0][1] in NEAR[changes[0][0]]
    if type == "drop":
        return any(a[i] in NEAR and a[:i] + a[i + 1 :] == b for i in spots[:-1])
    if type == "insert":
        return any(
            b[:i] + b[i + 1 :] == a and any(b[i] in NEAR.get(c, "") for c in b[:i][-1:] + b[i + 1 : i + 2])
            for i in range(len(b))
        )
    return a != b and any(a[:i] + a[i + 1 : i + 2] + a[i : i + 1] + a[i + 2 :] == b for i in spots)


@given(word=st.text("asgmpASGMP", min_size=1, max_size=7), seed=st.integers(0, 10**6))
def test_a_typo_is_one_edit_with_a_neighbouring_key(word: str, seed: int) -> None:
    type, after = mistype(word, QWERTY, random.Random(seed))
    assert after
    assert after.lower() != word.lower()
    assert damerau_levenshtein(word.lower(), after.lower()) == 1
    assert explained(word, type, after)
    if type in ("replace", "swap"):  # nothing moved: case is where it was
        assert [c.isupper() for c in after if not c.isdigit()] == [
            w.isupper() for w, c in zip(word, after, strict=True) if not c.isdigit()
        ]
    for case in (str.lower, str.upper):
        if word == case(word):
            assert after == case(after)


def test_all_types_of_typos_are_about_equally_frequent() -> None:
    chance = random.Random(5)
    types = Counter(mistype("gasmap", QWERTY, chance)[0] for _ in range(4000))
    assert set(types) == set(TYPES)
    assert all(abs(count - 1000) < 150 for count in types.values())  # more than five standard deviations
    alone = {mistype("g", QWERTY, random.Random(seed))[0] for seed in range(100)}
    assert alone == {"replace", "insert"}
    assert "swap" not in {mistype("aA", QWERTY, random.Random(seed))[0] for seed in range(100)}


def test_all_neighbours_and_only_neighbours_are_typed() -> None:
    drawn = [mistype("G", QWERTY, random.Random(seed)) for seed in range(600)]
    assert {word for type, word in drawn if type == "replace"} == set("TYFHVB")
    both = {f"{other}G" for other in "TYFHVB"} | {f"G{other}" for other in "TYFHVB"}
    assert {word for type, word in drawn if type == "insert"} == both


def test_letters_without_an_upper_case_stay_lower_case() -> None:
    keyboard = {"ß": ["s"], "s": ["ß"]}
    found = {mistype("SS", keyboard, random.Random(seed))[1] for seed in range(200)}
    assert found == {"ßS", "Sß", "ßSS", "SßS", "SSß", "S"}


@given(
    sentence=sentences(),
    where=st.sampled_from(["context", "mentions", "both"]),
    words=st.sampled_from([1, 2, 5, 0.1, 0.5, 0.99]),
    seed=st.integers(0, 2**32 - 1),
)
def test_only_requested_words_change(sentence: Sentence, where: Any, words: float, seed: int) -> None:
    made = noise(where=where, words=words, seed=seed)
    typos = made.typos(sentence)
    assert typos is not None
    inside = {i for e in sentence.entities or () for i in range(e.start, e.end)}
    fit = {
        i
        for i, word in enumerate(sentence.words)
        if set(word.lower()) & set("asgmp") and (where == "both" or (i in inside) == (where == "mentions"))
    }
    indices = [typo.index for typo in typos]
    assert indices == sorted(set(indices))
    assert set(indices) <= fit
    if words < 1:
        assert len(typos) == (max(1, round(words * len(fit))) if fit else 0)
    else:
        assert min(1, len(fit)) <= len(typos) <= min(words, len(fit))
    (new,) = made([sentence])
    assert replace(new, words=sentence.words) == sentence  # labels, id, header
    assert len(new) == len(sentence)
    changed = {i for i, (a, b) in enumerate(zip(sentence.words, new.words, strict=True)) if a != b}
    assert changed == set(indices)
    assert all(word and not any(c.isspace() for c in word) for word in new.words)
    for typo in typos:
        before, after = sentence.words[typo.index], typo.word
        strange = [c for c in before if c.lower() not in QWERTY]
        assert [c for c in after if c.lower() not in QWERTY] == strange
        assert explained(before, typo.type, after)


@given(corpus=st.lists(sentences(), min_size=2, max_size=8), seed=st.integers(0, 9), data=st.data())
def test_noise_is_independent_of_order_and_grows_with_the_rate(
    corpus: list[Sentence], seed: int, data: st.DataObject
) -> None:
    made = noise(rate=0.5, seed=seed)
    order = data.draw(st.permutations(range(len(corpus))))
    assert made([corpus[i] for i in order]) == [made(corpus)[i] for i in order]
    for low, high, clean in zip(made(corpus), noise(rate=0.8, seed=seed)(corpus), corpus, strict=True):
        assert low in (clean, high)
    assert noise(rate=0.0, seed=seed)(corpus) == corpus


def corpus_of(size: int) -> list[Sentence]:
    return [Sentence((f"map{i}", "gas", "smog"), (Entity(1, 2, "Artist"),)) for i in range(size)]


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.9])
def test_each_sentence_is_chosen_independently(rate: float) -> None:
    size = 4000
    count = sum(noise(rate=rate).typos(sentence) is not None for sentence in corpus_of(size))
    assert abs(count - rate * size) < 4 * (size * rate * (1 - rate)) ** 0.5


def test_the_number_of_words_and_the_words_are_uniform() -> None:
    drawn = [noise(words=3).typos(sentence) or [] for sentence in corpus_of(3000)]
    counts = Counter(map(len, drawn))
    assert set(counts) == {1, 2, 3}
    assert all(abs(count - 1000) < 130 for count in counts.values())
    single = Counter(typos[0].index for typos in drawn if len(typos) == 1)
    assert all(abs(single[i] - counts[1] / 3) < 75 for i in range(3))


def test_another_seed_gives_other_noise() -> None:
    corpus = corpus_of(50)
    assert noise(seed=1)(corpus) == noise(seed=1)(corpus) != noise(seed=2)(corpus)
    keys = {noise(**change).key for change in ({}, {"seed": 2}, {"rate": 0.5}, {"words": 1}, {"where": "context"})}
    assert len({*keys, Noise(load_keyboard("azerty"), rate=1.0).key}) == 6


def test_equal_settings_give_equal_noise_in_every_version() -> None:
    """A change here invalidates all recorded noisy scores: then increase ``VERSION``, and adapt this test."""
    assert VERSION == 1
    words = ("the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog")
    found = [noise(words=0.5, seed=seed)([Sentence(words)])[0].words for seed in (1, 2)]
    assert [" ".join(words) for words in found] == [
        "th quick bro3n fox jumps over he lazy cog",
        "the qui8ck brown fox jumps over hte laqzy do",
    ]


def test_a_sentence_of_a_text_keeps_its_text() -> None:
    sentence = sentence_from_text("  The gas,  it smells.")
    new = retype(sentence, [Typo(0, "drop", "Te"), Typo(4, "insert", "smewlls")])
    assert (new.text, new.words) == ("  Te gas,  it smewlls.", ("Te", "gas", ",", "it", "smewlls", "."))
    assert new.text is not None
    assert tuple(new.text[a:b] for a, b in new.offsets) == new.words
    assert retype(sentence, ()) is sentence


def test_the_document_marker_is_never_changed() -> None:
    assert noise().typos(Sentence(("-DOCSTART-",), ())) == []


def test_sentences_without_labels() -> None:
    sentence = Sentence(("gas", "map"))
    assert noise().typos(sentence)
    for where in ("context", "mentions"):
        with pytest.raises(ValueError, match="no labels"):
            noise(where=where).typos(sentence)


@pytest.mark.parametrize(
    "wrong",
    [{"rate": 2}, {"rate": -0.1}, {"rate": float("nan")}, {"words": 0}, {"words": 1.5}, {"words": float("inf")}],
)
def test_values_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConerError, match=r"expected a fraction (of the sentences|between 0 and 1, or a whole number)"):
        noise(**wrong)
