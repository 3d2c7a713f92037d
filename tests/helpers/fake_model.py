"""Sentences, a small taxonomy, and language models that answer by a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.llm.endpoint.messages import Complete, Completion, Prompt
from coner.families.usage import Failure

TAXONOMY = Taxonomy(
    "small",
    {
        "Person": {"Artist": "known for art", "OtherPER": "any other person"},
        "Place": {"Town": "where people live"},
        "Medical": {"Medication/Vaccine": "a drug"},
    },
)


def sentence(text: str, *entities: tuple[int, int, str]) -> Sentence:
    """A labelled sentence of words between spaces."""
    return Sentence(tuple(text.split()), tuple(Entity(*entity) for entity in entities))


ADA = sentence("ada lovelace met clara schumann in basel", (0, 2, "OtherPER"), (3, 5, "Artist"), (6, 7, "Town"))
NOBODY = sentence("nobody came")
ASPIRIN = sentence("aspirin is sold in bern", (0, 1, "Medication/Vaccine"), (4, 5, "Town"))


def says(text: str, finish: str = "stop") -> Completion:
    return Completion(text, finish, 1, 1, False, 0.0)


def model(rule: Callable[[Prompt], str | Completion | Failure], asked: list[Prompt] | None = None) -> Complete:
    """A model that answers each prompt by a rule; ``asked`` collects the prompts."""

    def complete(prompts: Iterable[Prompt]) -> Iterator[Completion | Failure]:
        for prompt in prompts:
            if asked is not None:
                asked.append(prompt)
            answer = rule(prompt)
            yield says(answer) if isinstance(answer, str) else answer

    return complete


def question(prompt: Prompt) -> str:
    return prompt.messages[-1].content
