"""Links of entities to a knowledge base, and the options of ``coner.load``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import coner
from coner.core.errors import ConfigError, DataError, ModelError
from coner.core.types import Entity, Sentence
from coner.families.linking import Linker
from coner.families.options import prepare, stamps
from coner.knowledge.typed import TypedKnowledge
from helpers.names import knowledge
from helpers.small import small_crf

TABLE = """name,aliases,types,prior,id
Prince,,Q5|singer,100,q1
Prince,,title,900,q2
Prince,,City,1,q3
New York,,City,5,q4
Oslo,,City,5,
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("linking")
    knowledge(folder, TABLE)
    small_crf().save(folder / "model")
    (folder / "types.toml").write_text('[labels]\nsinger = ["Artist"]\n')
    (folder / "rules.toml").write_text('[[never]]\ntext = "prince"\n[[always]]\ntext = "harbour"\nlabel = "City"\n')
    return folder


@pytest.mark.parametrize(
    ("label", "labels", "expected"),
    [
        ("City", {}, "q3"),  # of the same name
        ("Artist", {"singer": {"Artist"}}, "q1"),
        ("City", {"title": {"City"}}, "q2"),  # the likeliest of those that agree
        ("Artist", {}, "q2"),  # none agrees
    ],
)
def test_the_likeliest_entry_of_the_label_is_chosen(
    folder: Path, label: str, labels: dict[str, set[str]], expected: str
) -> None:
    linker = Linker(coner.knowledge.load(folder / "kb"), {name: frozenset(some) for name, some in labels.items()})
    linked = linker.link(["the", "PRINCE", "."], [Entity(1, 2, label, 0.5)])
    assert [(e, e.score, e.kb_id) for e in linked] == [(Entity(1, 2, label), 0.5, expected)]


def test_a_name_without_an_entry_or_an_id_is_not_linked(folder: Path) -> None:
    linker = Linker(coner.knowledge.load(folder / "kb"), {})
    entities = [Entity(0, 1, "City"), Entity(1, 2, "City"), Entity(2, 4, "City")]
    assert [e.kb_id for e in linker.link(["oslo", "rome", "new", "york"], entities)] == ["", "", "q4"]


def test_an_id_with_control_characters_is_not_used(tmp_path: Path) -> None:
    rows = [{"name": "Rome", "types": "City", "id": id, "prior": prior} for id, prior in (("q\x1b5", 9), ("q6", 1))]
    kb = knowledge(tmp_path, "".join(f"{json.dumps(row)}\n" for row in rows))
    assert [e.kb_id for e in Linker(kb, {}).link(["rome"], [Entity(0, 1, "City")])] == ["q6"]


def test_a_loaded_tagger_applies_rules_and_links(folder: Path) -> None:
    plain = coner.load(folder / "model")
    paths = {"rules": folder / "rules.toml", "kb": folder / "kb", "label_map": folder / "types.toml"}
    tagger = coner.load(folder / "model", link=True, **paths)
    sentences = [
        Sentence(tuple(text.split())) for text in ("prince sang", "new york has a harbour", "nina simone sang")
    ]
    assert plain.tag(sentences) == [[Entity(0, 1, "Artist")], [Entity(0, 2, "City")], [Entity(0, 2, "Artist")]]
    predictions = list(tagger.predict(sentences))
    assert [list(p.entities or ()) for p in predictions] == [
        [],
        [Entity(0, 2, "City"), Entity(4, 5, "City")],
        [Entity(0, 2, "Artist")],
    ]
    assert [tuple(p.changes) for p in predictions] == [(0, 1, 0), (1, 0, 0), (0, 0, 0)]
    assert [[e.kb_id for e in p.entities or ()] for p in predictions] == [[], ["q4", ""], [""]]
    assert [mention.kb_id for mention in tagger("new york has a harbour")] == ["q4", ""]
    assert tagger.tag(sentences[1:]) == [list(next(iter(tagger.predict([s]))).entities or ()) for s in sentences[1:]]


def test_without_a_folder_the_knowledge_base_of_the_model_is_used(folder: Path) -> None:
    tagger = coner.load(folder / "model")
    tagger.knowledge = TypedKnowledge(coner.knowledge.load(folder / "kb"), ["City"])
    prepare(tagger, {"link": True})
    assert tagger.linker is not None
    assert tagger.linker.link(["new", "york"], [Entity(0, 2, "City")])[0].kb_id == "q4"


def test_saving_a_tagger_stores_neither_rules_nor_links(folder: Path, tmp_path: Path) -> None:
    coner.load(folder / "model", rules=folder / "rules.toml").save(tmp_path / "again")
    assert coner.load(tmp_path / "again").tag([Sentence(("prince", "sang"))]) == [[Entity(0, 1, "Artist")]]


def test_options_that_lack_another_are_refused(folder: Path) -> None:
    for options, message in [
        ({"link": True}, r"link: got no knowledge base to link to. Fix: add kb \(--kb DIR\)"),
        ({"label_map": "wnut17"}, "label_map: is only used to link"),
    ]:
        with pytest.raises(ConfigError, match=message):
            coner.load(folder / "model", **options)
    with pytest.raises(ModelError, match="is not a knowledge base"):
        coner.load(folder / "model", link=True, kb=folder)
    with pytest.raises(DataError, match=r"types\.toml:2: labels.singer: got 'Painter', which taxonomy tiny lacks"):
        (folder / "other").mkdir()
        (folder / "other/types.toml").write_text('[labels]\nsinger = ["Painter"]\n')
        coner.load(folder / "model", link=True, kb=folder / "kb", label_map=folder / "other/types.toml")


def test_the_stamps_change_with_the_content_of_the_files(folder: Path, tmp_path: Path) -> None:
    assert stamps({}) == {}
    paths = {"rules": tmp_path / "rules.toml", "label_map": tmp_path / "map.toml"}
    for path in paths.values():
        path.write_text("[labels]\nA = []\n")
    before = stamps({**paths, "kb": folder / "kb", "link": True})  # type: ignore[typeddict-item]
    assert before.keys() == {"set of rules", "label map", "knowledge base"}
    for path in paths.values():
        path.write_text("[labels]\nB = []\n")
    after = stamps({**paths, "kb": folder / "kb", "link": True})  # type: ignore[typeddict-item]
    assert {name for name in before if before[name] != after[name]} == {"set of rules", "label map"}
