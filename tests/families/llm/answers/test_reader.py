"""Answers of language models: the mentions that are read, the events that are counted; no text raises an error."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.families.llm.answers.events import Event, total
from coner.families.llm.answers.mentions import LabelMatcher
from coner.families.llm.answers.reader import AnswerReader
from helpers.fake_model import TAXONOMY

FINE = LabelMatcher.of_classes(TAXONOMY)
QUESTION = "Sentence: ada met clara"
A, B = ("ada", "OtherPER"), ("clara", "Artist")
ONE = '{"entities": [{"text": "ada", "label": "OtherPER"}, {"text": "clara", "label": "Artist"}]}'
TWO = '{"1": [{"text": "ada", "label": "OtherPER"}], "2": [{"text": "clara", "label": "Artist"}]}'

Read = list[list[tuple[str, str]] | None]


def read(text: str, *, numbered: int | None = None) -> tuple[Read, Counter[str]]:
    counts: Counter[str] = Counter()
    found = AnswerReader(FINE, counts).read(text, question=QUESTION, numbered=numbered)
    return [None if one is None else [(mention.text, mention.label) for mention in one] for one in found], counts


@pytest.mark.parametrize(
    ("text", "mentions", "counts"),
    [
        (ONE, [A, B], {}),
        ('{"entities": []}', [], {}),
        ("[]", [], {}),
        (f"```json\n{ONE}\n```", [A, B], {"mended": 1}),
        (f"Sure! Here you are:\n\n{ONE}\n\nAnything else?", [A, B], {"mended": 1}),
        (f"<think>\n[ada] is {{maybe}} a Town\n</think>\n{ONE}", [A, B], {"thinking": 1, "mended": 1}),
        (f"so ada is a person.\n</think>\n\n{ONE}", [A, B], {"thinking": 1, "mended": 1}),
        (f"{QUESTION}\n{ONE}", [A, B], {"echo": 1, "mended": 1}),
        (
            f'Sentence: bern\n{{"entities": [{{"text": "bern", "label": "Town"}}]}}\n{QUESTION}\n{ONE}',
            [A, B],
            {"echo": 1, "mended": 1},
        ),
        (f'{ONE}\nSentence: x\n{{"entities": [{{"text": "x", "label": "Town"}}]}}', [A, B], {"run_on": 1, "mended": 1}),
        # invalid JSON
        (ONE.replace("]}", ",],}"), [A, B], {"mended": 1}),
        (ONE.replace('"', "'"), [A, B], {"mended": 1}),
        (ONE.replace("}, {", "} {"), [A, B], {"mended": 1}),
        (ONE[:-2], [A, B], {"mended": 1}),
        ('{"entities": [{"text": "the "ada" of", "label": "Artist"}]}', [('the "ada" of', "Artist")], {"mended": 1}),
        ("{entities: [{text: ada, label: OtherPER}]}", [A], {"mended": 1}),
        (ONE.replace('", "label', '"\n "label'), [A, B], {"mended": 1}),
        # cut off: complete mentions are kept
        (ONE[:-4], [A], {"mended": 1, "incomplete": 1}),
        (ONE[:75], [A], {"mended": 1, "incomplete": 1}),
        (ONE[:20], [], {"mended": 1}),
        # other shapes
        ('{"text": "ada", "label": "OtherPER"}', [A], {}),
        ('{"text": "ada", "label": "OtherPER"}\n{"text": "clara", "label": "Artist"}', [A, B], {"mended": 1}),
        ('[{"entity": "ada", "type": "OtherPER"}, {"name": "clara", "class": "Artist"}]', [A, B], {}),
        ('[["ada", "OtherPER"], ["clara", "Artist"]]', [A, B], {}),
        ('{"ada": "OtherPER", "clara": "Artist"}', [A, B], {}),
        ('{"OtherPER": ["ada"], "Artist": "clara"}', [A], {}),
        ('{"entities": ["ada: OtherPER", "clara (Artist)"]}', [A, B], {}),
        ('{"text": "ada met clara", "entities": [{"text": "ada", "label": "OtherPER"}]}', [A], {}),
        ('{"entities": "none"}', [], {}),
        # a duplicate key is a mention too
        ('{"text": "ada", "label": "OtherPER", "text": "clara", "label": "Artist"}', [A, B], {}),
        # labels
        (
            '{"ada": "other per", "clara": "ARTIST.", "x": "medication / vaccine"}',
            [A, B, ("x", "Medication/Vaccine")],
            {"label": 3},
        ),
        ('{"entities": [{"text": "ada", "label": "Person/OtherPER"}]}', [A], {"label": 1}),
        (
            '{"entities": [{"text": "ada", "label": "person"}, {"text": "clara", "label": "Singer"}]}',
            [],
            {"coarse_label": 1, "unknown_label": 1},
        ),
        ('{"entities": [{"text": "", "label": "Artist"}, {"text": "ada"}, {"label": "Town"}]}', [], {"incomplete": 3}),
        # a draft, then the answer
        ('{"entities": [{"text": "ada", "label": "Town"}]} No, wait:\n' + ONE, [A, B], {"mended": 1, "superseded": 1}),
        (ONE + ' or, without any, {"entities": []} or []', [A, B], {"mended": 1}),
        ('{"text": "ada", "label": "OtherPER"} {"text": "clara", "label": "Artist"} []', [A, B], {"mended": 1}),
        (
            '{"text": "x y", "entities": [["x", "Town"]]} {"text": "ada met", "entities": [["ada", "OtherPER"]]}',
            [A],
            {"mended": 1, "superseded": 1},
        ),
        # a note beside the answer
        (ONE + ' Note: {"confidence": "high"}', [A, B], {"mended": 1, "superseded": 1}),
        ('{"text": "ada", "label": "OtherPER"} {"confidence": "high"}', [A], {"mended": 1, "superseded": 1}),
        (
            '{"text": "ada", "label": "OtherPER"} {"text": "clara", "label": "Singer"}',
            [A],
            {"mended": 1, "unknown_label": 1},
        ),
        # lists of lines
        ("ada: OtherPER\nclara: Artist", [A, B], {"plain": 1}),
        ("Here they are:\n- ada (OtherPER)\n- clara (Artist)", [A, B], {"plain": 1}),
        ("1. ada | OtherPER\n2. clara | Artist", [A, B], {"plain": 1}),
        ("ada -> OtherPER\nclara\tArtist", [A, B], {"plain": 1}),
        ("* **ada** - OtherPER\n* `clara` = artist", [A, B], {"plain": 1, "label": 1}),
        ("Artist: clara", [B], {"plain": 1}),
        ("star wars: a new hope: Artist", [("star wars: a new hope", "Artist")], {"plain": 1}),
        ("- ada: Singer\n- clara: Artist", [B], {"plain": 1, "unknown_label": 1}),
        ("None", [], {"plain": 1}),
        ("No named entities found.", [], {"plain": 1}),
    ],
)
def test_answers_about_one_sentence(text: str, mentions: list[tuple[str, str]], counts: dict[str, int]) -> None:
    found, counted = read(text)
    assert found == [mentions]
    assert counted.pop("mentions", 0) == len(mentions) + total(counted, "dropped")
    assert counted == counts


@pytest.mark.parametrize(
    "text", ["", "I cannot do that.", "<think>ada is", "[see below]", "{it's} nothing", "7", '"ada"', "null"]
)
def test_an_answer_without_mentions_is_counted_as_unparsable(text: str) -> None:
    mentions, counts = read(text)
    assert mentions == [None]
    assert (counts["unparsable"], counts["unanswered"], counts["mentions"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("text", "expected", "counts"),
    [
        (TWO, [[A], [B]], {}),
        (f"Sure: {TWO}", [[A], [B]], {"mended": 1}),
        ('{"1": [], "2": []}', [[], []], {}),
        ('{"sentences": ' + TWO + "}", [[A], [B]], {}),
        ('{"Sentence 1": [["ada", "OtherPER"]], "Sentence 2": []}', [[A], []], {}),
        ('[{"sentence": 1, "entities": [["ada", "OtherPER"]]}, {"sentence": 2, "entities": []}]', [[A], []], {}),
        ('[{"sentence": 2, "text": "clara", "label": "Artist"}]', [None, [B]], {"unanswered": 1}),
        ('[[{"text": "ada", "label": "OtherPER"}], []]', [[A], []], {}),
        ('{"1": [["ada", "OtherPER"]]}\n{"2": [["clara", "Artist"]]}', [[A], [B]], {"mended": 1}),
        (TWO[:70], [[A], []], {"mended": 1, "incomplete": 1}),
        (TWO[:48], [[A], None], {"mended": 1, "unanswered": 1}),
        ('{"1": [["ada", "OtherPER"]], "3": [["clara", "Artist"]]}', [[A], None], {"unanswered": 1, "stray": 1}),
        (ONE, [None, None], {"unanswered": 2, "stray": 2}),
        ('[{"text": "a", "entities": [["ada", "OtherPER"]]}, {"text": "b", "entities": []}]', [[A], []], {}),
        (TWO + ' or {"1": [["ada", "Artist"]], "2": []}', [[("ada", "Artist")], []], {"mended": 1, "superseded": 2}),
        ("1:\nada: OtherPER\n2:\nclara: Artist", [[A], [B]], {"plain": 1}),
        ("Sentence 1:\n- ada: OtherPER\nSentence 2:\nnone", [[A], []], {"plain": 1}),
        ("ada: OtherPER", [None, None], {"plain": 1, "unanswered": 2, "stray": 1}),
        ("no idea", [None, None], {"unparsable": 1, "unanswered": 2}),
        ("none", [[], []], {"plain": 1}),
    ],
)
def test_answers_about_several_sentences(text: str, expected: Read, counts: dict[str, int]) -> None:
    found, counted = read(text, numbered=2)
    assert found == expected
    assert counted.pop("mentions", 0) == sum(len(one or ()) for one in found) + total(counted, "dropped")
    assert counted == counts


def test_the_only_sentence_of_a_numbered_call_needs_no_number() -> None:
    assert read(ONE, numbered=1)[0] == read('{"1": ' + ONE[13:], numbered=1)[0] == [[A, B]]


MENTIONS = st.lists(
    st.tuples(st.text(min_size=1, max_size=8).filter(str.strip), st.sampled_from(TAXONOMY.labels)), max_size=5
)


@given(MENTIONS, st.booleans())
def test_valid_answers_are_read_exactly(mentions: list[tuple[str, str]], escaped: bool) -> None:
    values = {"entities": [{"text": text, "label": label} for text, label in mentions]}
    found, counts = read(json.dumps(values, ensure_ascii=escaped))
    assert found == [mentions]
    assert counts == ({"mentions": len(mentions)} if mentions else {})


@given(MENTIONS, st.data())
def test_complete_mentions_of_a_cut_answer_are_kept(mentions: list[tuple[str, str]], data: st.DataObject) -> None:
    text = json.dumps({"entities": [{"text": text, "label": label} for text, label in mentions]})
    cut = data.draw(st.integers(14, len(text)))
    found, counts = read(text[:cut])
    assert found == [[mention for mention, end in zip(mentions, label_ends(mentions), strict=True) if end <= cut]]
    assert len(found[0] or ()) + total(counts, "dropped") == counts["mentions"]


def label_ends(mentions: list[tuple[str, str]]) -> list[int]:
    """Length of the answer up to the label of each mention."""
    values = [{"text": text, "label": label} for text, label in mentions]
    return [len(json.dumps({"entities": values[:count]})) - len("}]}") for count in range(1, len(values) + 1)]


MARKS = ["{", "}", "[", "]", '"', "'", ":", ",", "|", "(", ")", "\n", " ", "\\", "\\u12", "- ", "```"]
NAMES = ["text", "label", "entities", "1", "2", "Artist", "ada", "none", '"text": "ada"', '"label": "Artist"']
PIECES = st.sampled_from([*MARKS, *NAMES, "<think>", "</think>", QUESTION, ONE, TWO])
ANYTHING = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=25).map("".join))


@given(ANYTHING, st.sampled_from([None, 1, 2, 3]))
def test_any_text_is_read_and_each_mention_is_kept_or_counted(text: str, numbered: int | None) -> None:
    found, counts = read(text, numbered=numbered)
    assert len(found) == (numbered or 1)
    assert counts["mentions"] == sum(len(one or ()) for one in found) + total(counts, "dropped")
    assert counts["unanswered"] == sum(one is None for one in found)
    assert set(counts) <= set(Event)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece", ["[", "{", '{"a":', "{'", "((", "- ", "\n", " ", "}\n", "a: ", "```", "<think>", '"', "1", "1:\n"]
)
def test_endless_repetition_is_read_in_time(piece: str) -> None:
    read(piece * 20_000)
    read(piece * 20_000, numbered=2)


@pytest.mark.parametrize("numbered", [None, 2])
@pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"a":', "}"), ('{"entities":[', "]}")])
@pytest.mark.parametrize("depth", [30, 330, 900])
def test_valid_json_of_any_depth_is_read(before: str, after: str, depth: int, numbered: int | None) -> None:
    text = before * depth + '{"text": "basel", "label": "City"}' + after * depth
    assert len(read(text, numbered=numbered)[0]) == (numbered or 1)


def test_many_values_without_a_list_take_little_time() -> None:
    began, counts = time.process_time(), Counter[str]()
    text = '{"text": "rome", "label": "City"}\n' * 20_000
    [found] = AnswerReader(LabelMatcher(["City"]), counts).read(text, question="q", numbered=None)
    assert found is not None
    assert len(found) == 20_000
    assert time.process_time() - began < 5
