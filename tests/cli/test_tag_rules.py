"""``coner tag`` with rules and links: what they change in files of every kind, and in the counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coner.core.types import Entity, Sentence
from coner.data import read
from coner.families import load
from helpers.names import knowledge
from helpers.shell import Completed, World, refusal

Coner = Callable[..., Completed]


@pytest.fixture
def predictions(world: World) -> list[tuple[Sentence, list[Entity]]]:
    """The sentences of dev, with what the model predicts alone."""
    sentences = read(world.dev)
    return list(zip(sentences, load(world.model).tag(sentences), strict=True))


@pytest.fixture
def surface(predictions: list[tuple[Sentence, list[Entity]]]) -> tuple[str, str]:
    """The words and the label of the first prediction."""
    return next((s.surface(entity), entity.label) for s, entities in predictions for entity in entities)


def rules(folder: Path, *entries: tuple[str, dict[str, str]]) -> Path:
    path, lists = folder / "rules.json", dict[str, list[dict[str, str]]]()
    for name, entry in entries:
        lists.setdefault(name, []).append(entry)
    path.write_text(json.dumps(lists), encoding="utf-8")
    return path


def test_never_and_always_change_the_output_and_are_counted(
    coner: Coner, world: World, tmp_path: Path, predictions: list[tuple[Sentence, list[Entity]]], surface: Any
) -> None:
    words, label = surface
    path = rules(tmp_path, ("never", {"text": words}), ("always", {"text": "the", "label": label}))
    done = coner("tag", world.model, world.dev, "-o", tmp_path / "out.jsonl", "--rules", path)
    assert done.code == 0, done.err
    removed = added = 0
    for (sentence, before), after in zip(predictions, read(tmp_path / "out.jsonl"), strict=True):
        at = {i for i, word in enumerate(sentence.words) if word == "the"}
        forbidden = [e for e in before if sentence.surface(e) == words]
        hit = [e for e in before if e not in forbidden and at & set(range(e.start, e.end))]
        kept = [e for e in before if e not in forbidden and e not in hit]
        assert list(after.entities or ()) == sorted([*kept, *(Entity(i, i + 1, label) for i in at)])
        removed += len(forbidden) + len(hit)
        added += len(at)
    assert removed
    assert added
    assert f", {added} added by rules, {removed} removed by rules" in done.err
    assert "relabelled" not in done.err


def test_other_rules_start_again(coner: Coner, world: World, tmp_path: Path, surface: tuple[str, str]) -> None:
    words, label = surface
    path = rules(tmp_path, ("never", {"text": words}))
    arguments = ("tag", world.model, world.dev, "-o", f"{tmp_path}/out/", "--rules", path)
    first = coner(*arguments)
    assert "removed by rules" in first.err
    assert coner(*arguments).err == "1 of 1 files were already finished\n"
    rules(tmp_path, ("always", {"text": words, "label": label}))
    assert "1 file, 40 sentences" in coner(*arguments).err
    assert read(tmp_path / "out/dev.conll").sentences != ()


def test_links_are_ids_in_json(coner: Coner, world: World, tmp_path: Path, surface: tuple[str, str]) -> None:
    words, label = surface
    knowledge(tmp_path, f"name,types,id\n{words},{label},q7\n")
    link = ("--link", "--kb", tmp_path / "kb")
    done = coner("tag", world.model, world.dev, "-o", tmp_path / "out.jsonl", *link)
    assert done.code == 0, done.err
    linked = []
    for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for entity in row["entities"]:
            text = row["text"][entity["start"] : entity["end"]]
            assert (entity.get("kb_id") == "q7") == (text == words)
            linked += [text] * ("kb_id" in entity)
    assert f", {len(linked)} linked" in done.err
    folder = coner("tag", world.model, tmp_path / "out.jsonl", "-o", f"{tmp_path}/folder/", *link)
    assert folder.code == 0, folder.err
    assert (tmp_path / "folder/out.jsonl").read_bytes() == (tmp_path / "out.jsonl").read_bytes()


def test_links_in_parquet(coner: Coner, world: World, tmp_path: Path, surface: tuple[str, str]) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    words, label = surface
    knowledge(tmp_path, f"name,types,id\n{words},{label},q7\n")
    texts = [" ".join(sentence.words) for sentence in read(world.dev)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "x.parquet")
    pq.write_table(pa.table({"tokens": [text.split() for text in texts]}), tmp_path / "t.parquet")
    link = ("-o", f"{tmp_path}/out/", "--link", "--kb", tmp_path / "kb")
    assert coner("tag", world.model, tmp_path / "x.parquet", *link).code == 0
    found = [entity for row in pq.read_table(tmp_path / "out/x.parquet")["entities"].to_pylist() for entity in row]
    assert {entity["kb_id"] for entity in found} == {"q7", None}
    message = refusal(coner("tag", world.model, tmp_path / "t.parquet", *link))
    assert "got a column tokens, whose tags have no place for ids; expected a column text" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--link", "--from", "jsonl"], "link: got no knowledge base to link to. Fix: add kb (--kb DIR)"),
        (["--map", "wnut17"], "label_map: is only used to link. Fix: add link (--link), or leave it (--map) out"),
        (["--link", "--kb", "kb"], "--link: got the format conll, which has no place for ids; expected html, jsonl"),
        (["--rules", "none.toml"], "none.toml: "),
    ],
)
def test_options_that_do_not_fit_are_refused(
    coner: Coner, world: World, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n')
    source = tmp_path / "in.jsonl" if "jsonl" in arguments else world.dev
    for out in (tmp_path / f"out{source.suffix}", f"{tmp_path}/out/"):
        assert message in refusal(coner("tag", world.model, source, "-o", out, *arguments))
    assert not list(tmp_path.glob("out.*"))


def test_a_label_that_the_model_lacks_is_refused(coner: Coner, world: World, tmp_path: Path) -> None:
    path = rules(tmp_path, ("never", {"text": "a", "label": "Star"}))
    message = refusal(coner("tag", world.model, world.dev, "--rules", path))
    assert f"{path}: never[0]: label: got 'Star'; expected a label of the model: " in message
