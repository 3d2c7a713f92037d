"""What a language model is asked, to the letter."""

from __future__ import annotations

import json

import jsonschema_rs

from coner.families.llm.prompts.builder import Mentions
from coner.families.llm.prompts.messages import Message
from coner.families.llm.settings import PromptSettings
from helpers.answering import ADA, ASPIRIN, NOBODY, TAXONOMY, sentence

SYSTEM = """\
Find the named entities in the sentence and give each its class.

Classes:
- Artist: known for art
- OtherPER: any other person
- Town: where people live
- Medication/Vaccine: a drug

Answer in JSON, in the order of the sentence, with the words as they stand there: \
{"entities": [{"text": "...", "label": "..."}]}. Without any: {"entities": []}."""


def test_the_prompt_of_a_sentence_to_the_letter() -> None:
    prompt = Mentions(TAXONOMY, PromptSettings(answer_tokens=70)).prompt([NOBODY], [ASPIRIN])
    answer = '{"entities": [{"text": "aspirin", "label": "Medication/Vaccine"}, {"text": "bern", "label": "Town"}]}'
    assert prompt.messages == (
        Message("system", SYSTEM),
        Message("user", "Sentence: aspirin is sold in bern"),
        Message("assistant", answer),
        Message("user", "Sentence: nobody came"),
    )
    assert prompt.max_tokens == 70


def test_several_sentences_are_numbered_and_so_are_the_examples() -> None:
    asking = Mentions(TAXONOMY, PromptSettings(sentences=3, answer_tokens=70))
    prompt = asking.prompt([ADA, NOBODY], [ASPIRIN])
    system, *rest = prompt.messages
    assert system.content.endswith('{"1": [{"text": "...", "label": "..."}], "2": []}.')
    mentions = '[{"text": "aspirin", "label": "Medication/Vaccine"}, {"text": "bern", "label": "Town"}]'
    assert rest == [
        Message("user", "1: aspirin is sold in bern"),
        Message("assistant", f'{{"1": {mentions}}}'),
        Message("user", "1: ada lovelace met clara schumann in basel\n2: nobody came"),
    ]
    assert prompt.max_tokens == 140


def test_groups_are_told_by_their_classes_and_examples_speak_of_groups() -> None:
    prompt = Mentions(TAXONOMY, PromptSettings(steps=2), level="coarse").prompt([NOBODY], [ASPIRIN])
    assert "- Person: Artist, OtherPER\n- Place: where people live\n- Medical: a drug\n" in prompt.messages[0].content
    assert json.loads(prompt.messages[2].content)["entities"][0] == {"text": "aspirin", "label": "Medical"}
    assert prompt.schema is not None
    assert prompt.schema["properties"]["entities"]["items"]["properties"]["label"]["enum"] == [
        "Person",
        "Place",
        "Medical",
    ]


def test_without_definitions_the_names_stand_on_one_line() -> None:
    system = Mentions(TAXONOMY, PromptSettings(definitions=False)).prompt([NOBODY], []).messages[0].content
    assert "\nArtist, OtherPER, Town, Medication/Vaccine\n" in system
    assert "known for art" not in system


def test_the_schema_takes_the_gold_answer_and_nothing_else() -> None:
    for size in (1, 2):
        asking = Mentions(TAXONOMY, PromptSettings(sentences=size))
        group = [ADA, NOBODY][:size]
        schema = asking.prompt(group, []).schema
        valid = jsonschema_rs.validator_for(dict(schema or {}))
        gold = asking.answer(group)
        assert valid.is_valid(json.loads(gold))
        assert not valid.is_valid(json.loads(gold.replace("Artist", "artist")))
        assert not valid.is_valid({})
        assert not valid.is_valid({**json.loads(gold), "more": 1})


def test_what_stays_the_same_comes_first() -> None:
    asking = Mentions(TAXONOMY, PromptSettings())
    one, other = (asking.prompt([each], [ASPIRIN]).messages for each in (ADA, NOBODY))
    assert one[:-1] == other[:-1]


def test_a_sentence_stays_on_one_line() -> None:
    odd = sentence("a b")
    odd = type(odd)(("a\nb", "\u2028", "c"), ())
    assert Mentions(TAXONOMY, PromptSettings()).question([odd]) == "Sentence: a b c"
