"""The component in spaCy pipelines: entities, batches, saving and loading."""

from __future__ import annotations

import shutil
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import spacy
import srsly
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

import coner.integrations.spacy
from coner.core.errors import ConerError, ModelError
from coner.core.types import Sentence
from coner.data import read
from coner.families import load
from coner.families.vote.tagger import Member, VoteTagger
from helpers import ROOT
from helpers.names import knowledge
from helpers.small import CORPUS, small_crf

TEXT = "Hello!  an album by nina simone was released\n\nnew york has a harbour"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spacy") / "model"
    small_crf().save(folder)
    return folder


def pipeline(model: object, *before: str, name: str = "coner") -> Language:
    nlp = spacy.blank("en")
    for component in before:
        nlp.add_pipe(component)
    nlp.add_pipe("coner", name=name, config={"model": str(model)})
    return nlp


def entities(doc: Doc) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for ent in doc.ents]


def test_entities_have_the_right_characters(model: Path) -> None:
    doc = pipeline(model)(TEXT)
    assert entities(doc) == [("nina simone", "Artist"), ("new york", "City")]
    for ent in doc.ents:
        assert TEXT[ent.start_char : ent.end_char] == ent.text
        assert doc.char_span(ent.start_char, ent.end_char) is not None
    assert all(token.ent_iob_ == "O" for token in doc if token.is_space)  # set, not missing


def test_scores_equal_those_of_the_tagger(model: Path) -> None:
    doc = pipeline(model, name="finder")("they moved to rio de janeiro in spring")
    (expected,) = load(model).tag([Sentence(tuple(token.text for token in doc))])
    group = doc.spans["finder"]
    assert [(span.start, span.end, span.label_) for span in group] == [(e.start, e.end, e.label) for e in expected]
    assert group.attrs["scores"] == [entity.score for entity in expected]
    assert 0 < group.attrs["scores"][0] <= 1
    packed = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (again,) = DocBin().from_bytes(packed).get_docs(spacy.blank("en").vocab)
    assert again.spans["finder"].attrs["scores"] == group.attrs["scores"]


def record_sentences(nlp: Language, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A list to which the words of every further sentence are added."""
    seen: list[list[str]] = []
    tagger = nlp.get_pipe("coner").tagger
    predict = tagger.predict

    def spy(sentences: Any) -> Any:
        seen.extend([list(sentence.words) for sentence in sentences])
        return predict(sentences)

    monkeypatch.setattr(tagger, "predict", spy)
    return seen


def test_sentences_are_those_of_the_document(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "prince sang . \n oslo has a harbour"
    for before, expected in (
        ((), [text.split()]),
        (("sentencizer",), [text.split()[:3], text.split()[3:]]),
    ):
        nlp = pipeline(model, *before)
        seen = record_sentences(nlp, monkeypatch)
        assert entities(nlp(text)) == [("prince", "Artist"), ("oslo", "City")]
        assert seen == expected


def test_documents_of_a_batch_are_tagged_together(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [" ".join(sentence.words) for sentence in CORPUS] + ["", " \n", TEXT]
    nlp = pipeline(model)
    alone = [entities(nlp(text)) for text in texts]
    calls: list[int] = []
    tagger = nlp.get_pipe("coner").tagger
    predict = tagger.predict
    monkeypatch.setattr(tagger, "predict", lambda sentences: calls.append(len(sentences)) or predict(sentences))
    docs = list(nlp.pipe(((text, number) for number, text in enumerate(texts)), as_tuples=True, batch_size=5))
    assert [entities(doc) for doc, _ in docs] == alone
    assert [number for _, number in docs] == list(range(len(texts)))
    assert calls == [5, 5, 3]  # 15 documents, of which two have no word
    assert alone[: len(CORPUS)] == [[(s.surface(e), e.label) for e in s.entities or ()] for s in CORPUS]


def test_earlier_entities_are_replaced(model: Path) -> None:
    nlp = pipeline(model)
    doc = nlp.make_doc("prince sang in may")
    doc.set_ents([Span(doc, 0, 4, label="X")])
    assert entities(nlp(doc)) == [("prince", "Artist")]


@cache
def small_pipeline() -> Language:
    """One pipeline for many examples."""
    nlp = spacy.blank("en")
    component = nlp.add_pipe("coner", config={"model": "to come"})
    component._tagger = small_crf()  # type: ignore[attr-defined]
    return nlp


@given(words=st.lists(st.sampled_from(["prince", "oslo", "new", "york", " ", "\n", "\u00a0", "a", "."]), max_size=12))
def test_entities_are_complete_for_any_tokens(words: list[str]) -> None:
    nlp = small_pipeline()
    doc = Doc(nlp.vocab, words=words, spaces=[False] * len(words))
    component: Any = nlp.get_pipe("coner")
    component(doc)
    real = [word for word in words if word.strip(" \n")]
    (expected,) = component.tagger.tag([Sentence(tuple(real))]) if real else [[]]
    predicted = [([t.text for t in ent if t.text.strip(" \n")], ent.label_) for ent in doc.ents]
    assert predicted == [(real[e.start : e.end], e.label) for e in expected]
    assert all(ent[0].text.strip(" \n") and ent[-1].text.strip(" \n") for ent in doc.ents)


@pytest.mark.parametrize("way", ["disk", "bytes"])
def test_model_is_saved_with_the_pipeline(model: Path, tmp_path: Path, way: str) -> None:
    gone = tmp_path / "gone"
    shutil.copytree(model, gone)
    nlp = pipeline(gone)
    nlp.to_disk(tmp_path / "pipeline")
    packed = nlp.to_bytes()
    shutil.rmtree(gone)
    if way == "disk":
        again = spacy.load(tmp_path / "pipeline")
    else:
        again = pipeline(gone)
        assert again.pipe_labels == {"coner": []}
        again.from_bytes(packed)
    assert again.pipe_labels == {"coner": ["Artist", "City"]}
    first, second = nlp(TEXT), again(TEXT)
    assert entities(second) == entities(first) != []
    assert second.spans["coner"].attrs == first.spans["coner"].attrs
    again.to_disk(tmp_path / "twice")
    assert entities(spacy.load(tmp_path / "twice")(TEXT)) == entities(first)


def test_vote_is_saved_with_its_members(model: Path, tmp_path: Path) -> None:
    vote = tmp_path / "vote"
    VoteTagger([Member("one", model, load(model), 1.0)], threshold=0.3).save(vote)
    packed = pipeline(vote).to_bytes()
    again = pipeline(tmp_path / "nowhere").from_bytes(packed)
    shutil.rmtree(vote)
    again.to_disk(tmp_path / "pipeline")
    assert entities(spacy.load(tmp_path / "pipeline")(TEXT)) == [("nina simone", "Artist"), ("new york", "City")]


def test_only_model_files_are_written(model: Path, tmp_path: Path) -> None:
    nlp = pipeline(model)
    nlp.to_disk(tmp_path)
    names = {path.relative_to(tmp_path / "coner").as_posix() for path in (tmp_path / "coner").rglob("*.*")}
    assert names == {path.name for path in model.iterdir()}
    packed = srsly.msgpack_loads(nlp.get_pipe("coner").to_bytes())
    assert packed == {path.name: path.read_bytes() for path in model.iterdir()}


def test_nlp_evaluate_scores_the_component(model: Path) -> None:
    nlp = pipeline(model)
    examples = []
    for sentence in CORPUS[:4]:
        gold = Doc(nlp.vocab, words=list(sentence.words))
        gold.set_ents([Span(gold, e.start, e.end, label=e.label) for e in sentence.entities or ()])
        examples.append(Example(nlp.make_doc(gold.text), gold))
    assert nlp.evaluate(examples)["ents_f"] == 1.0


def test_model_errors(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"got no model.json; expected the folder of a trained model"):
        pipeline(tmp_path)
    nlp = pipeline(tmp_path / "misspelt")
    for use in (lambda: nlp("text"), lambda: list(nlp.pipe(["text"])), lambda: nlp.to_disk(tmp_path / "out")):
        with pytest.raises(ModelError, match="misspelt: does not exist; expected the folder of a trained model"):
            use()
    damaged = tmp_path / "damaged"
    shutil.copytree(model, damaged)
    (damaged / "weights.npz").write_bytes(b"no")
    with pytest.raises(ModelError, match=r"weights.npz: damaged or truncated: got 2 bytes; expected \d+"):
        pipeline(damaged)


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (["x"], "expected the result of to_bytes"),
        ({"../evil": b"x"}, "expected only files inside the model folder"),
        ({"/evil": b"x"}, "expected only files inside the model folder"),
        ({"model.json": b"{"}, "damaged: not a valid JSON object"),
    ],
)
def test_invalid_bytes_are_refused(packed: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        coner.integrations.spacy.ConerPipe("to come").from_bytes(srsly.msgpack_dumps(packed))


def test_error_handler_of_spacy_is_called(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nlp = pipeline(model)
    tagger = nlp.get_pipe("coner").tagger
    predict = tagger.predict

    def fails(sentences: Any) -> Any:
        if any("oslo" in sentence.words for sentence in sentences):
            raise ConerError("no")
        return predict(sentences)

    monkeypatch.setattr(tagger, "predict", fails)
    lost: list[str] = []
    nlp.set_error_handler(lambda name, proc, docs, error: lost.extend(doc.text for doc in docs))
    assert [doc.text for doc in nlp.pipe(["prince sang", "oslo sang", "a"], batch_size=1)] == ["prince sang", "a"]
    assert lost == ["oslo sang"]


def test_entities_equal_those_of_coner_tag(model: Path, tmp_path: Path) -> None:
    """The tokens of spaCy, written as a DocBin and read again."""
    nlp = pipeline(model)
    docs = [nlp(TEXT.replace("\n", " "))]
    DocBin(docs=docs).to_disk(tmp_path / "docs.spacy")
    (sentence,) = read(tmp_path / "docs.spacy")
    assert list(sentence.entities or ()) == load(model).tag([sentence])[0]


def test_component_is_registered_by_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    module, _, function = project["project"]["entry-points"]["spacy_factories"]["coner"].partition(":")
    assert getattr(__import__(module, fromlist=[function]), function) is coner.integrations.spacy.make


def test_rules_and_links_are_options_of_the_component(model: Path, tmp_path: Path) -> None:
    knowledge(tmp_path, "name,types,id\nnew york,City,q7\n")
    rules = '[[always]]\ntext = "harbour"\nlabel = "City"\n[[never]]\ntext = "nina simone"\n'
    (tmp_path / "rules.toml").write_text(rules)
    options = {"rules": str(tmp_path / "rules.toml"), "link": True, "kb": str(tmp_path / "kb")}
    nlp = spacy.blank("en")
    nlp.add_pipe("coner", config={"model": str(model), "options": options})
    for doc in (nlp(TEXT), *nlp.pipe([TEXT])):
        assert [(ent.text, ent.label_, ent.kb_id_) for ent in doc.ents] == [
            ("new york", "City", "q7"),
            ("harbour", "City", ""),
        ]
        assert doc.spans["coner"].attrs["rules"] == {"added": 1, "removed": 1, "relabelled": 0}
    nlp.to_disk(tmp_path / "pipeline")
    assert entities(spacy.load(tmp_path / "pipeline")(TEXT)) == [("new york", "City"), ("harbour", "City")]
    assert "rules" not in pipeline(model)(TEXT).spans["coner"].attrs
    with pytest.raises(ConerError, match="options: got 'rule'; expected rules, kb, link, label_map"):
        spacy.blank("en").add_pipe("coner", config={"model": str(model), "options": {"rule": "x"}})
