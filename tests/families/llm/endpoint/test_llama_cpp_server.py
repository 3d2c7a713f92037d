"""The client with llama.cpp's own server and a small model: real structured answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from coner.families.llm.endpoint.ledger import Ledger
from coner.families.llm.endpoint.messages import Completion, Message, Prompt
from coner.families.usage import Failure
from helpers.llm_client import client

pytestmark = pytest.mark.server

SYSTEM = (
    "You find named entities. Labels: Artist, HumanSettlement. "
    'Sentence: the beatles recorded in london . Answer: {"entities": [{"text": "the beatles", "label": "Artist"}]}'
)
SENTENCES = ("she moved to paris to study under nadia boulanger .", "he sang in reykjavík .", "nobody came .")


class Mention(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str
    label: str


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    entities: list[Mention]


SCHEMA = {
    "type": "object",
    "properties": {
        "entities": {
            "type": "array",
            "maxItems": 3,
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string", "maxLength": 30},
                    "label": {"enum": ["Artist", "HumanSettlement"]},
                },
                "required": ["text", "label"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["entities"],
    "additionalProperties": False,
}


def ask_for(sentence: str, *, max_tokens: int = 160) -> Prompt:
    return Prompt((Message("system", SYSTEM), Message("user", f"Sentence: {sentence}")), SCHEMA, max_tokens)


def test_structured_answers_follow_the_schema_and_are_stored(server: str, tmp_path: Path) -> None:
    prompts = [ask_for(sentence) for sentence in SENTENCES]
    with Ledger(tmp_path / "l.sqlite") as ledger:
        complete = client(server, ledger=ledger, concurrency=2, timeout=100)
        answers = list(complete(prompts))
        for answer in answers:
            assert isinstance(answer, Completion), answer
            assert answer.finish == "stop"
            assert {mention.label for mention in Answer.model_validate_json(answer.text).entities} <= {
                "Artist",
                "HumanSettlement",
            }
            assert answer.prompt_tokens > 40 and 3 < answer.completion_tokens <= 160
        assert complete.capabilities.structured == "json_schema"
        assert (complete.totals.calls, complete.totals.retries) == (3, 0)
        again = client(server, ledger=ledger)
        assert [answer.text for answer in again(prompts) if isinstance(answer, Completion)] == [
            answer.text for answer in answers if isinstance(answer, Completion)
        ]
        assert (again.totals.calls, again.totals.cached) == (0, 3)


def test_a_cut_answer_is_reported_as_such(server: str) -> None:
    (answer,) = client(server, timeout=100)([ask_for(SENTENCES[0], max_tokens=4)])
    assert isinstance(answer, Completion)
    assert (answer.finish, answer.completion_tokens) == ("length", 4)
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)


def test_a_prompt_longer_than_the_context_is_refused(server: str) -> None:
    (failure,) = client(server, timeout=100)([ask_for("word " * 4000)])
    assert isinstance(failure, Failure)
    assert failure.kind == "refused"
    assert "context" in failure.reason
