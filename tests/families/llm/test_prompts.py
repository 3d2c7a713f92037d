"""The exact text of prompts, and the schema of answers."""

from __future__ import annotations

import json

import jsonschema_rs

from coner.families.llm.endpoint.messages import Message
from coner.families.llm.prompts import PromptBuilder
from coner.families.llm.settings import PromptSettings
from helpers.fake_model import ADA, ASPIRIN, NOBODY, TAXONOMY, sentence

SYSTEM = """\
Find the named entities in the sentence and give each its class.

Classes:
- Artist: known for art
- OtherPER: any other person
- Town: where people live
- Medication/Vaccine: a drug

Answer in JSON, in the order of the sentence, with the words as they stand there: \
{"entities": [{"text": "...", "label": "..."}]}. Without any: {"entities": []}."""


def test_the_exact_prompt_of_one_sentence() -> None:
    prompt = PromptBuilder(TAXONOMY, PromptSettings(answer_tokens=70)).build([NOBODY], [ASPIRIN])
    answer = '{"entities": [{"text": "aspirin", "label": "Medication/Vaccine"}, {"text": "bern", "label": "Town"}]}'
    assert prompt.messages == (
        Message("system", SYSTEM),
        Message("user", "Sentence: aspirin is sold in bern"),
        Message("assistant", answer),
        Message("user", "Sentence: nobody came"),
    )
    assert prompt.max_tokens == 70


def test_several_sentences_are_numbered_and_so_are_the_examples() -> None:
    builder = PromptBuilder(TAXONOMY, PromptSettings(sentences=3, answer_tokens=70))
    prompt = builder.build([ADA, NOBODY], [ASPIRIN])
    system, *rest = prompt.messages
    assert system.content.endswith('{"1": [{"text": "...", "label": "..."}], "2": []}.')
    mentions = '[{"text": "aspirin", "label": "Medication/Vaccine"}, {"text": "bern", "label": "Town"}]'
    assert rest == [
        Message("user", "1: aspirin is sold in bern"),
        Message("assistant", f'{{"1": {mentions}}}'),
        Message("user", "1: ada lovelace met clara schumann in basel\n2: nobody came"),
    ]
    assert prompt.max_tokens == 140


def test_groups_list_their_classes_and_examples_use_coarse_labels() -> None:
    prompt = PromptBuilder(TAXONOMY, PromptSettings(steps=2)).build([NOBODY], [ASPIRIN])
    assert "- Person: Artist, OtherPER\n- Place: where people live\n- Medical: a drug\n" in prompt.messages[0].content
    assert json.loads(prompt.messages[2].content)["entities"][0] == {"text": "aspirin", "label": "Medical"}
    assert prompt.schema is not None
    assert prompt.schema["properties"]["entities"]["items"]["properties"]["label"]["enum"] == [
        "Person",
        "Place",
        "Medical",
    ]


def test_without_definitions_the_labels_are_on_one_line() -> None:
    system = PromptBuilder(TAXONOMY, PromptSettings(definitions=False)).build([NOBODY], []).messages[0].content
    assert "\nArtist, OtherPER, Town, Medication/Vaccine\n" in system
    assert "known for art" not in system


def test_the_schema_accepts_the_expected_answer_and_no_other_keys_or_labels() -> None:
    for size in (1, 2):
        builder = PromptBuilder(TAXONOMY, PromptSettings(sentences=size))
        group = [ADA, NOBODY][:size]
        schema = builder.build(group, []).schema
        valid = jsonschema_rs.validator_for(dict(schema or {}))
        gold = builder.expected_answer(group)
        assert valid.is_valid(json.loads(gold))
        assert not valid.is_valid(json.loads(gold.replace("Artist", "artist")))
        assert not valid.is_valid({})
        assert not valid.is_valid({**json.loads(gold), "more": 1})


def test_all_messages_except_the_last_are_equal_for_all_sentences() -> None:
    builder = PromptBuilder(TAXONOMY, PromptSettings())
    one, other = (builder.build([each], [ASPIRIN]).messages for each in (ADA, NOBODY))
    assert one[:-1] == other[:-1]


def test_a_sentence_is_shown_on_one_line() -> None:
    odd = sentence("a b")
    odd = type(odd)(("a\nb", "\u2028", "c"), ())
    assert PromptBuilder(TAXONOMY, PromptSettings()).question([odd]) == "Sentence: a b c"
