"""Entities of sentences from a language model: in order, as a stream, in one step or two, with failures counted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coner
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import load_taxonomy
from coner.families.llm.endpoint.messages import Completion, Prompt
from coner.families.llm.examples import ExampleSelector
from coner.families.llm.extraction import EntityExtractor, LabelChoice, SpanTyper
from coner.families.llm.prompts import PromptBuilder
from coner.families.llm.settings import ExampleSettings, PromptSettings
from coner.families.usage import Failure
from helpers.fake_model import ADA, ASPIRIN, NOBODY, TAXONOMY, model, question, says, sentence

ALL = [ADA, NOBODY, ASPIRIN]
GONE = Failure("unreachable", "nobody listens")


def examples(choice: str = "none") -> ExampleSelector:
    settings = ExampleSettings(choice=choice, count=2)  # type: ignore[arg-type]
    return ExampleSelector.fit(ALL, settings, seed=1, taxonomy=TAXONOMY)


def extractor(choice: str = "none", **settings: int) -> EntityExtractor:
    return EntityExtractor(TAXONOMY, PromptSettings(**settings), examples(choice))  # type: ignore[arg-type]


def knowing(sentences: Sequence[Sentence] = ALL, *, steps: int = 1, per_call: int = 1) -> object:
    """A model that knows the gold of sentences, and of their mentions."""
    settings = PromptSettings(steps=steps, sentences=per_call)  # type: ignore[arg-type]
    builder = PromptBuilder(TAXONOMY, settings)
    answers = {}
    for start in range(0, len(sentences), per_call):
        group = sentences[start : start + per_call]
        answers[builder.question(group)] = builder.expected_answer(group)
    for one in sentences:
        for entity in one.entities or ():
            key = f"Sentence: {' '.join(one.words)}\nMention: {one.surface(entity)}"
            answers[key] = json.dumps({"label": entity.label})
    return lambda prompt: answers[question(prompt)]


@pytest.mark.parametrize("choice", ["none", "fixed", "bm25"])
@pytest.mark.parametrize("per_call", [1, 2, 5])
@pytest.mark.parametrize("steps", [1, 2])
def test_a_perfect_model_gives_the_gold_entities(choice: str, per_call: int, steps: int) -> None:
    extract = extractor(choice, steps=steps, sentences=per_call)
    found = list(extract(ALL, model(knowing(steps=steps, per_call=per_call))))  # type: ignore[arg-type]
    assert [one.entities for one in found] == [one.entities for one in ALL]
    assert {one.failures for one in found} == {()}
    assert set(extract.counts) <= {"answers", "mentions", "choices"}
    assert extract.counts["mentions"] == 5


WORDS = st.lists(st.text(min_size=1, max_size=5).filter(lambda word: word.split() == [word]), min_size=1, max_size=7)


@st.composite
def labelled(draw: st.DrawFn) -> Sentence:
    """A labelled sentence of distinct words, so that each mention occurs once."""
    words = tuple(dict.fromkeys(draw(WORDS)))
    borders = sorted(draw(st.sets(st.integers(0, len(words)))))
    return Sentence(words, tuple(Entity(*span, draw(st.sampled_from(TAXONOMY.labels))) for span in pairwise(borders)))


@given(st.lists(labelled(), min_size=1, max_size=4), st.sampled_from([1, 3]))
def test_the_expected_answer_gives_the_gold_entities(sentences: list[Sentence], per_call: int) -> None:
    extract, builder = extractor(sentences=per_call), PromptBuilder(TAXONOMY, PromptSettings(sentences=per_call))
    gold = iter([builder.expected_answer(sentences[i : i + per_call]) for i in range(0, len(sentences), per_call)])
    found = list(extract(sentences, model(lambda prompt: next(gold))))
    assert [one.entities for one in found] == [one.entities for one in sentences]
    assert set(extract.counts) <= {"answers", "mentions"}


def test_sentences_are_consumed_as_a_stream() -> None:
    taken = 0

    def endless() -> Iterator[Sentence]:
        nonlocal taken
        while True:
            taken += 1
            yield ADA

    found = extractor(sentences=2)(endless(), model(lambda prompt: '{"1": [["basel", "Town"]], "2": []}'))
    assert [next(found).entities for _ in range(4)] == [(Entity(6, 7, "Town"),), ()] * 2
    assert taken == 4


def test_prompts_equal_the_prompts_sent() -> None:
    extract, sent = extractor("bm25", sentences=2), list[Prompt]()
    list(extract(ALL, model(lambda prompt: "", sent)))
    assert extract.prompts(ALL) == sent
    shown = [message.content for message in sent[0].messages[1:-1]]
    assert not any("ada" in text or "nobody" in text for text in shown)  # no sentence of the call is an example
    assert any("aspirin" in text for text in shown)


def test_two_steps_keep_sentences_of_a_call_together_across_chunks() -> None:
    extract, sent = extractor(steps=2, sentences=5), list[Prompt]()
    many = [sentence(f"nobody {number} came") for number in range(300)]
    list(extract(many, model(lambda prompt: "", sent)))
    assert sent == extract.prompts(many)


def test_a_failure_belongs_to_the_sentences_of_its_call() -> None:
    extract = extractor(sentences=2)
    found = list(extract(ALL, model(lambda prompt: GONE if "ada" in question(prompt) else '{"1": []}')))
    assert [(one.entities, one.failures) for one in found] == [(None, (GONE,)), (None, (GONE,)), ((), ())]
    assert extract.counts == {"failed": 1, "answers": 1}


def test_a_sentence_without_a_usable_answer_is_empty_and_counted() -> None:
    extract = extractor(sentences=3)
    answer = says('{"1": [["ada lovelace", "OtherPER"], ["charles babbage", "OtherPER"]], "3": [["asp', "length")
    found = list(extract(ALL, model(lambda prompt: answer)))
    assert [one.entities for one in found] == [(Entity(0, 2, "OtherPER"),), (), ()]
    expected = {"answers": 1, "cut": 1, "mended": 1, "mentions": 2, "hallucinated": 1, "unanswered": 1}
    assert extract.counts == expected
    assert json.loads(json.dumps(extract.counts)) == expected


def test_the_second_step_asks_for_the_class_within_the_group() -> None:
    sent = list[Prompt]()
    extract = extractor("fixed", steps=2)
    found = list(extract([ADA], model(knowing(steps=2), sent)))  # type: ignore[arg-type]
    assert found[0].entities == ADA.entities
    assert len(sent) == 3  # no call for the town: its group has one class
    second = sent[1]
    assert second.messages[0].content == (
        "Choose the class of the mention in the sentence.\n\nClasses:\n- Artist: known for art\n"
        '- OtherPER: any other person\n\nAnswer in JSON: {"label": "..."}.'
    )
    assert question(second) == "Sentence: ada lovelace met clara schumann in basel\nMention: ada lovelace"
    assert second.schema is not None
    assert second.schema["properties"]["label"]["enum"] == ["Artist", "OtherPER"]


def test_a_failure_in_the_second_step_fails_the_sentence_and_an_undecided_mention_is_dropped() -> None:
    knows = knowing(steps=2)

    def rule(prompt: Prompt) -> str | Failure:
        if question(prompt).endswith("Mention: ada lovelace"):
            return GONE
        if question(prompt).endswith("Mention: rosa"):
            return "Artist or OtherPER, who knows"
        if "rosa" in question(prompt):
            return '{"rosa": "Person", "rome": "Place"}'
        return str(knows(prompt))  # type: ignore[operator]

    extract = extractor(steps=2)
    found = list(extract([ADA, sentence("rosa in rome"), ASPIRIN], model(rule)))
    assert [(one.entities, one.failures) for one in found] == [
        (None, (GONE,)),
        ((Entity(2, 3, "Town"),), ()),
        (ASPIRIN.entities, ()),
    ]
    assert (extract.counts["failed"], extract.counts["undecided"], extract.counts["untyped"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ('{"label": "OtherPER"}', "OtherPER"),
        ('{"label": "other per"}', "OtherPER"),
        ('```json\n{"class": "OtherPER"}\n```', "OtherPER"),
        ("<think>Artist? no</think> OtherPER", "OtherPER"),
        ("OtherPER.", "OtherPER"),
        ("The class is: OtherPER", "OtherPER"),
        ("I would say that this is an otherper here", "OtherPER"),
        ('{"label": "OtherP', None),
        ("Artist or OtherPER", None),
        ('{"label": ["Artist", "OtherPER"]}', None),
        ("", None),
        ("Medication/Vaccine", None),
        ("<think>maybe an Artist</think> I cannot tell.", None),
        ("<think>maybe an Artist", None),
    ],
)
def test_an_answer_gives_one_of_the_labels_or_none(answer: str, label: str | None) -> None:
    typer = SpanTyper(TAXONOMY, PromptSettings(), examples())
    choices = [LabelChoice(ADA, Entity(0, 2, "Artist"), ("Town", "Artist", "OtherPER"))]
    assert list(typer(choices, model(lambda prompt: answer))) == [label]
    assert typer.counts["undecided"] == (label is None)
    assert typer.counts["thinking"] == ("<think>" in answer)


def test_labels_are_in_order_whether_or_not_a_call_is_needed() -> None:
    sent = list[Prompt]()
    labels = [("Town",), ("Artist", "OtherPER"), ("Town",), ("Town",), ("OtherPER", "Artist"), ("Artist",)]
    choices = [LabelChoice(ADA, Entity(0, 2, "Artist"), each) for each in labels]
    answers = iter(['{"label": "Artist"}', GONE])
    typer = SpanTyper(TAXONOMY, PromptSettings(), examples("fixed"))
    found = list(typer(choices, model(lambda prompt: next(answers), sent)))
    assert found == ["Town", "Artist", "Town", "Town", GONE, "Artist"]
    assert sent[0].messages[0] == sent[1].messages[0]  # the prefix does not depend on the order of the labels


def test_a_client_that_reads_ahead_gives_the_same_results() -> None:
    def eager(prompts: Iterable[Prompt]) -> Iterator[Completion | Failure]:
        known = knowing(steps=2)
        yield from [says(known(prompt)) for prompt in list(prompts)]  # type: ignore[operator]

    found = list(extractor(steps=2)(ALL, eager))
    assert [one.entities for one in found] == [one.entities for one in ALL]


def test_the_expected_answers_of_the_sample_give_its_gold_entities() -> None:
    taxonomy = load_taxonomy("multiconer2")
    sample = list(coner.read(Path(coner.__file__).parent / "data/sample/dev.conll"))
    extract = EntityExtractor(taxonomy, PromptSettings(), examples())
    builder = PromptBuilder(taxonomy, PromptSettings())
    gold = iter([builder.expected_answer([one]) for one in sample])
    found = list(extract(sample, model(lambda prompt: next(gold))))
    assert [one.entities for one in found] == [one.entities for one in sample]
    assert set(extract.counts) == {"answers", "mentions"}
