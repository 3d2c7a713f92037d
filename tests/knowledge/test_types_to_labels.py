"""Types replaced by labels, and names down-weighted by how often they are common words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import ConfigError, DataError
from coner.core.types import Entity, Sentence
from coner.data import write_conll
from coner.knowledge.build import BuildSettings, build
from coner.knowledge.coverage import measure
from coner.knowledge.database import SHARES
from coner.knowledge.folder import FolderKnowledge
from coner.knowledge.mentions import text_number
from coner.knowledge.normalisation import NormalisationSettings, Normaliser
from coner.knowledge.spans import MIN_OCCURRENCES, mention_shares
from coner.knowledge.store import Store
from coner.knowledge.type_labels import TypeLabels
from helpers.names import knowledge

TABLE = """{"name": "Prince", "types": {"singer": 3, "title": 1}, "prior": 3}
{"name": "Prince", "types": {"City": 1}, "prior": 0}
{"name": "Oslo", "types": {"capital": 1}}
{"name": "Ob", "types": {"river": 1}}
"""
LABELS = {"singer": ("Artist", "Actor"), "title": (), "capital": ("City",)}


def table(folder: Path, text: str = TABLE, train: Path | None = None, **settings: Any) -> FolderKnowledge:
    (folder / "names.jsonl").write_text(text)
    return built(folder, [folder / "names.jsonl"], train, **settings)


def built(folder: Path, files: list[Path], train: Path | None, **settings: Any) -> FolderKnowledge:
    build(files, folder / "kb", BuildSettings(**settings), train)
    return FolderKnowledge(folder / "kb")


def test_labels_share_the_weight_of_a_type(tmp_path: Path) -> None:
    kb = table(tmp_path, labels=LABELS)
    [prince] = kb.match(["prince"])
    assert prince.types == pytest.approx({"Artist": 0.4, "Actor": 0.4, "City": 0.2})  # of shares 4 and 1
    assert kb.lookup("prince")[0].types == {"Actor": 1.5, "Artist": 1.5}
    assert kb.match(["oslo"])[0].types == {"City": 1.0}
    assert kb.match(["ob"])[0].types == {}
    assert kb.types() == {"Artist": 1, "Actor": 1, "City": 2}
    assert (kb.description.types, kb.description.untyped, kb.description.unmapped) == (3, 1, 1)


def test_no_map_keeps_the_types(tmp_path: Path) -> None:
    kb = table(tmp_path)
    assert kb.types() == dict.fromkeys(["singer", "title", "City", "capital", "river"], 1)
    assert kb.description.unmapped == 0


@pytest.mark.parametrize("label", ["A", "B"])
def test_a_mention_is_left_out_of_its_sentence_also_with_other_types(tmp_path: Path, label: str) -> None:
    sentences = [Sentence(("oslo",), (Entity(0, 1, label),)), Sentence(("in", "oslo"), (Entity(1, 2, "A"),))]
    with (tmp_path / "train.conll").open("w") as file:
        write_conll(sentences, file)
    build([tmp_path / "train.conll"], tmp_path / "kb", BuildSettings(labels={"A": ("X", "Y")}))
    kb = FolderKnowledge(tmp_path / "kb")
    numbers = [text_number(sentence) for sentence in sentences]
    [match] = kb.match(["oslo"])
    assert (match.types, match.prior) == (pytest.approx({"X": 0.5, "Y": 0.5}), 2)
    [left] = kb.match(["oslo"], leave_out=numbers[:1])
    assert (left.types, left.prior) == (pytest.approx({"X": 0.5, "Y": 0.5}), 1)
    assert kb.match(["oslo"], leave_out=numbers) == []


WORDS = st.sampled_from(["a", "b", "A", "c", "-"])
NAMES = ["a", "b", "a b", "b c"]


@st.composite
def labelled(draw: st.DrawFn) -> Sentence:
    words = draw(st.lists(WORDS, min_size=1, max_size=6))
    start = draw(st.integers(0, len(words) - 1))
    end = draw(st.integers(start + 1, len(words)))
    return Sentence(tuple(words), (Entity(start, end, "X"),) if draw(st.booleans()) else ())


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> FolderKnowledge:
    return knowledge(tmp_path_factory.mktemp("letters"), "name,types\n" + "".join(f"{n},T\n" for n in NAMES))


@given(st.lists(labelled(), min_size=3, max_size=12))
def test_shares_are_counts_of_matches_outside_of_mentions(letters: FolderKnowledge, sentences: list[Sentence]) -> None:
    seen, outside = Counter[int](), Counter[int]()
    for sentence in sentences:
        for match in letters.match(sentence.words):
            touches = any(e.start < match.end and match.start < e.end for e in sentence.entities or ())
            seen[match.alias] += 1
            outside[match.alias] += not touches
    expected = {
        alias: 1 - outside[alias] / (count + 1)
        for alias, count in seen.items()
        if count >= MIN_OCCURRENCES and outside[alias]
    }
    normalise = Normaliser(NormalisationSettings())
    assert mention_shares(sentences, letters._trie, normalise, letters.longest) == pytest.approx(expected)


def common_word(folder: Path) -> Path:
    """``may`` is a common word nine times, and once a mention; ``oslo`` is always one."""
    sentences = [Sentence(("it", "may", "rain"), ())] * 9
    sentences += [Sentence(("may", "sang"), (Entity(0, 1, "Artist"),))]
    sentences += [Sentence(("in", "oslo"), (Entity(1, 2, "City"),))] * MIN_OCCURRENCES
    with (folder / "train.conll").open("w") as file:
        write_conll(sentences, file)
    return folder / "train.conll"


def test_common_words_are_down_weighted(tmp_path: Path) -> None:
    train = common_word(tmp_path)
    names = '{"name": "May", "types": {"Artist": 1}}\n{"name": "Oslo", "types": {"City": 1}}\n{"name": "Ob"}\n'
    kb = table(tmp_path, names, train=train)
    [may] = kb.match(["may"])
    assert (may.share, may.types) == (pytest.approx(2 / 11), pytest.approx({"Artist": 2 / 11}))
    for word in ("oslo", "ob"):
        assert kb.match([word])[0].share == 1
    assert kb.match(["oslo"])[0].types == {"City": 1.0}
    damping = kb.description.damping
    assert damping is not None
    assert (damping.file, damping.names) == ("train.conll", 1)
    sentences = [Sentence(("it", "may", "rain"), ()), Sentence(("oslo",), (Entity(0, 1, "City"),))]
    matches = measure(kb, sentences).as_dict()["matches"]
    assert (matches["all"], matches["mentions"], matches["likely"], matches["likely_mentions"]) == (2, 1, 1, 1)


def test_damping_also_holds_for_what_is_left_of_a_name(tmp_path: Path) -> None:
    train = common_word(tmp_path)
    (tmp_path / "names.csv").write_text("name,types\nMay,Artist\n")
    kb = built(tmp_path, [tmp_path / "names.csv", train], train)
    own = [text_number(Sentence(("may", "sang")))]
    assert kb.match(["may"], leave_out=own)[0].types == pytest.approx({"Artist": 2 / 11})
    assert kb.match(["may"], leave_out=own)[0].entries == 1


def test_a_knowledge_base_without_shares_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an earlier version wrote it."""
    monkeypatch.setattr("coner.knowledge.store.SHARES", "")
    monkeypatch.setattr(Store, "damp", lambda *_: None)
    kb = table(tmp_path)
    tables = {sql for (sql,) in kb._database.execute("SELECT sql FROM sqlite_master")}
    assert SHARES not in tables
    assert kb.match(["oslo"])[0].share == 1


def test_faults_of_the_training_file_come_before_the_build(tmp_path: Path) -> None:
    (tmp_path / "train.conll").write_text("a B-X\nb I-Y\n")
    with pytest.raises(DataError, match=r"train\.conll:2"):
        table(tmp_path, train=tmp_path / "train.conll")
    assert not (tmp_path / "kb").exists()


def test_another_training_file_does_not_resume_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    train = common_word(tmp_path)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Store, "finish", stop)
        table(tmp_path, train=train)
    with train.open("a") as file:
        file.write("\nx _ _ O\n")
    with pytest.raises(ConfigError, match="unfinished build of other files or settings"):
        built(tmp_path, [tmp_path / "names.jsonl"], train)


def test_a_map_says_which_class_is_right(tmp_path: Path) -> None:
    kb = table(tmp_path)
    sentences = [Sentence(("oslo", "ob"), (Entity(0, 1, "City"), Entity(1, 2, "River")))]
    by_map = TypeLabels.of_map({"capital": ("City",), "river": ("Lake",)}, ["City", "River"])
    found = measure(kb, sentences, type_labels=by_map)
    assert {label: (c.covered, c.right) for label, c in found.classes.items()} == {"City": (1, 1), "River": (1, 0)}
