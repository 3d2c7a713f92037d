"""What a tagger asks: typed matches, and what a sentence's own mentions add to them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coner.core.types import Entity, Sentence
from coner.knowledge.build import BuildSettings, build
from coner.knowledge.folder import FolderKnowledge
from coner.knowledge.mentions import text_number
from coner.knowledge.typed import MAX_OF_NAME, TypedKnowledge, choose_types
from helpers.names import knowledge

WORDS = ["Ada", "ada", "Nile", "Paris", "met"]


def conll(sentences: list[Sentence]) -> str:
    blocks = []
    for sentence in sentences:
        tags = ["O"] * len(sentence)
        for entity in sentence.entities or ():
            inside = [f"I-{entity.label}"] * (entity.end - entity.start - 1)
            tags[entity.start : entity.end] = [f"B-{entity.label}", *inside]
        blocks.append("".join(f"{word} {tag}\n" for word, tag in zip(sentence.words, tags, strict=True)))
    return "\n".join(blocks)


@st.composite
def labelled(draw: st.DrawFn) -> Sentence:
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4))
    entities, start = [], 0
    while start < len(words):
        size = draw(st.integers(0, min(2, len(words) - start)))
        if size:
            entities.append(Entity(start, start + size, draw(st.sampled_from(["Person", "Place"]))))
        start += size or 1
    return Sentence(tuple(words), tuple(entities))


def built(folder: Path, sentences: list[Sentence]) -> FolderKnowledge:
    folder.mkdir()
    (folder / "t.csv").write_text("name,types,prior\nNile,River,3\nzebra,,\n")
    files = [folder / "t.csv"]
    if any(sentence.entities for sentence in sentences):
        (folder / "a.conll").write_text(conll(sentences))
        files.append(folder / "a.conll")
    build(files, folder / "kb", BuildSettings())
    return FolderKnowledge(folder / "kb")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(labelled(), min_size=2, max_size=6), st.integers(0, 5))
def test_leaving_a_text_out_is_as_if_no_source_had_it(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[Sentence], number: int
) -> None:
    chosen = sentences[number % len(sentences)]
    kept = [sentence for sentence in sentences if text_number(sentence) != text_number(chosen)]
    root = tmp_path_factory.mktemp("kb")
    whole, rest = built(root / "whole", sentences), built(root / "rest", kept)
    found, expected = whole.match(WORDS * 2, leave_out=[text_number(chosen)]), rest.match(WORDS * 2)
    assert [(m.start, m.end, m.entries, m.prior) for m in found] == [
        (m.start, m.end, m.entries, m.prior) for m in expected
    ]
    for one, other in zip(found, expected, strict=True):
        assert one.types == pytest.approx(other.types, rel=1e-6)


def test_a_text_that_no_source_has_changes_nothing(tmp_path: Path) -> None:
    kb = built(tmp_path / "a", [Sentence(("Ada", "met"), (Entity(0, 1, "Person"),))])
    assert kb.match(["Ada"], leave_out=[text_number(Sentence(("Ada", "left")))]) == kb.match(["Ada"]) != []
    assert kb.match(["Ada"], leave_out=[text_number(Sentence(("ADA", "met")))]) == []


def test_sources_that_share_sentences_are_named_with_their_number(tmp_path: Path) -> None:
    shared = Sentence(("Ada", "met"), (Entity(0, 1, "Person"),))
    kb = built(tmp_path / "a", [shared, Sentence(("Nile",), (Entity(0, 1, "Place"),))])
    texts = [text_number(shared), text_number(Sentence(("a", "da", "MET"))), *range(1000)]
    assert kb.shared(texts) == {"a.conll": 1}
    assert kb.shared(range(1000)) == {}


def test_types_are_numbers_in_sorted_order_and_the_rest_is_other(tmp_path: Path) -> None:
    kb = knowledge(tmp_path)
    assert choose_types(kb.types()) == ("Artist", "Band", "Captain", "Character", "City", "University")
    [match] = TypedKnowledge(kb, ["City"])(["Davis"])
    assert match[:2] == (0, 1)
    assert match.types == (pytest.approx((0, 41 / 162)), pytest.approx((1, 121 / 162)))
    assert TypedKnowledge(kb, ["Artist", "City"])(["Davis"])[0].types == (
        pytest.approx((0, 121 / 162)),
        pytest.approx((1, 41 / 162)),
    )


def test_a_name_without_a_type_is_of_another_one(tmp_path: Path) -> None:
    [match] = TypedKnowledge(built(tmp_path / "a", []), ["River"])(["zebra"])
    assert match.types == ((1, 1.0),)


def test_only_the_likeliest_types_of_a_name_count(tmp_path: Path) -> None:
    types = [f"T{number}" for number in range(20)]
    kb = knowledge(tmp_path, f"name,types\nx,{'|'.join(types)}\n")
    [match] = TypedKnowledge(kb, choose_types(kb.types()))(["x"])
    assert len(match.types) == MAX_OF_NAME + 1
    assert sum(weight for _, weight in match.types) == pytest.approx(1)


def test_the_most_frequent_types_are_chosen() -> None:
    assert choose_types({"b": 2, "a": 1, "d": 5, "c": 2, "": 9, "x\n": 9}, maximum=2) == ("b", "d")


def test_the_description_of_a_name_is_bounded_also_in_text_without_spaces(tmp_path: Path) -> None:
    kb = knowledge(tmp_path, f"name,types,description\nnile,{'t' * 9999},{'京' * 9999}\nada,T,{'a ' * 99}\n")
    typed = TypedKnowledge(kb, list(kb.types()))
    [nile], [ada] = typed(["nile"]), typed(["ada"])
    assert typed.describe(["nile"], nile) == ("nile", "(", "t" * 200, ";", "京" * 200, ")")
    assert typed.describe(["ada"], ada) == ("ada", "(", "T", ";", *["a"] * 12, ")")
