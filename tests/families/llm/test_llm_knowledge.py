"""Names of a knowledge base in the prompts of a language model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from coner.core.errors import ModelError
from coner.core.types import Sentence
from coner.data import read
from coner.families import load
from coner.families.knowledge import TrainingKnowledge
from coner.families.llm.endpoint.messages import Message
from coner.families.llm.examples import ExampleSelector
from coner.families.llm.prompts import PromptBuilder
from coner.families.llm.settings import LlmExperiment, PromptSettings
from coner.families.llm.tagger import LlmTagger
from coner.knowledge.settings import KnowledgeSettings
from coner.records.record import read_record
from helpers.fake_endpoint import serving
from helpers.fake_model import ASPIRIN, NOBODY, TAXONOMY
from helpers.llm_config import CONFIG, answer, knows, settings
from helpers.shell import Completed, refusal

Coner = Callable[..., Completed]


def known(sentence: Sentence, is_example: bool) -> list[str]:
    return [] if sentence == NOBODY else ["bern ( Town )", f"aspirin ( {'drug' if is_example else 'name'} )"]


def test_known_names_are_below_their_sentence() -> None:
    builder = PromptBuilder(TAXONOMY, PromptSettings(), known)
    user = [
        message.content for message in builder.build([ASPIRIN], [ASPIRIN, NOBODY]).messages if message.role == "user"
    ]
    line = "Known names, not all of which are meant: bern ( Town ); aspirin"
    assert user == [
        f"Sentence: aspirin is sold in bern\n{line} ( drug )",
        "Sentence: nobody came",
        f"Sentence: aspirin is sold in bern\n{line} ( name )",
    ]
    several = PromptBuilder(TAXONOMY, PromptSettings(sentences=2), known)
    assert several.question([ASPIRIN, NOBODY]) == f"1: aspirin is sold in bern\n{line} ( name )\n2: nobody came"
    assert PromptBuilder(TAXONOMY, PromptSettings()).build([NOBODY], []).messages[-1] == Message(
        "user", "Sentence: nobody came"
    )


@pytest.fixture
def kb(coner: Coner, train: Path, tmp_path: Path) -> Path:
    """The names of the training file, and one with a description."""
    (tmp_path / "names.csv").write_text("name,types,description\nbasel,City,on the Rhine\n")
    done = coner("kb", "build", train, tmp_path / "names.csv", "--out", tmp_path / "kb")
    assert done.code == 0, done.err
    return tmp_path / "kb"


@pytest.mark.usefixtures("quick")
def test_a_prompted_model_is_shown_candidates_and_needs_its_knowledge_base(
    coner: Coner, train: Path, gold: Path, kb: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with serving(knows(gold)) as server:
        options = settings(server, data__train=train)
        done = coner("train", CONFIG, *options, "--kb", kb, "--out", run)
        assert done.code == 0, done.err
        assert server.requests == []
    assert read_record(run).training["knowledge"]["hash"] in refusal(coner("llm", "preview", run, "she left basel"))
    shown = coner("llm", "preview", run, "she left basel", "--kb", kb)
    assert (
        "Sentence: she left basel\nKnown names, not all of which are meant: basel ( City ; on the Rhine )" in shown.out
    )
    tagger = load(run, kb=kb)
    assert isinstance(tagger, LlmTagger)
    tagger.knowledge = None
    with pytest.raises(ModelError, match="expected the knowledge base"):
        tagger.extractor.prompts([NOBODY])


def test_examples_do_not_know_their_own_mentions(coner: Coner, tmp_path: Path) -> None:
    """Each name is in one sentence only: as examples they get none, in another sentence they do."""
    (tmp_path / "a.conll").write_text("aspirin B-Town\nhelps O\n\nbern B-Town\n")
    assert coner("kb", "build", tmp_path / "a.conll", "--out", tmp_path / "kb").code == 0
    names = TrainingKnowledge(tmp_path / "kb", KnowledgeSettings(), {})
    values = {"kind": "llm", "llm": {"model": "m", "base_url": "http://localhost:1/v1"}}
    experiment = LlmExperiment.model_validate({**values, "examples": {"choice": "fixed", "count": 2}})
    train = read(tmp_path / "a.conll", gold=True).sentences
    examples = ExampleSelector.fit(train, experiment.examples, seed=1, taxonomy=TAXONOMY)
    tagger = LlmTagger(experiment, examples, taxonomy=TAXONOMY, ledger=tmp_path / "l", use=names.use)
    tagger.knowledge = names.typed
    [prompt] = tagger.extractor.prompts([Sentence(("aspirin", "in", "bern"))])
    *shown, asked = [message.content for message in prompt.messages if message.role == "user"]
    assert shown
    assert not [text for text in shown if "Known" in text]
    assert asked.endswith("meant: aspirin ( Town ); bern ( Town )")
    assert answer(train[0]) in [message.content for message in prompt.messages]
