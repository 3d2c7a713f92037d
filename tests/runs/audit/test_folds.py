"""Folds: no text in two of them, evidence that resumes, and folders that belong to another audit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coner.core.errors import ConfigError, DataError, OutputError
from coner.core.progress import SilentLog
from coner.core.types import Entity, Sentence
from coner.data import Corpus
from coner.data.stratify import duplicate_key
from coner.runs.audit import folds as module
from coner.runs.audit.audit import audit_settings
from coner.runs.audit.evidence import Evidence, collect_evidence
from coner.runs.audit.folds import FoldPlan, collect, make_plan, unlearned
from helpers.audited import clean_corpus
from helpers.small import CORPUS, small_crf


def plan_of(sentences: Sequence[Sentence], folds: int = 3, **values: Any) -> FoldPlan:
    settings = audit_settings(Corpus(tuple(sentences), Path("x")), values, "crf")
    return make_plan(sentences, settings, folds=folds)


TEXTS = st.lists(st.sampled_from([("a",), ("A",), ("b", "c"), ("d",), ("e",), ("f", "G"), ("f", "g")]), min_size=1)


@given(TEXTS, st.integers(2, 4), st.integers(0, 3))
def test_every_sentence_is_held_out_once_and_no_text_is_in_two_folds(
    texts: list[tuple[str, ...]], folds: int, seed: int
) -> None:
    sentences = [Sentence(words, (Entity(0, 1, "X"),)) for words in texts]
    if len({duplicate_key(sentence) for sentence in sentences}) < folds:
        with pytest.raises(DataError, match=f"expected at least {folds}"):
            plan_of(sentences, folds, seed=seed)
        return
    plan = plan_of(sentences, folds, seed=seed)
    assert sorted(index for fold in plan.folds for index in fold.held_out) == list(range(len(sentences)))
    for fold in plan.folds:
        assert sorted((*fold.held_out, *fold.train)) == list(range(len(sentences)))
        held_out = {duplicate_key(sentences[index]) for index in fold.held_out}
        assert held_out.isdisjoint(duplicate_key(sentences[index]) for index in fold.train)


def test_folds_have_equal_sizes_and_every_class_and_depend_on_the_seed() -> None:
    sentences = clean_corpus()
    plans = [plan_of(sentences, seed=seed) for seed in (1, 1, 2)]
    assert plans[0].folds == plans[1].folds != plans[2].folds
    assert {len(fold.held_out) for fold in plans[0].folds} <= {32, 33, 34}
    for fold in plans[0].folds:
        assert {e.label for index in fold.held_out for e in sentences[index].entities or ()} == {"Artist", "City"}


def test_the_events_of_a_mention_are_probabilities_that_sum_to_one() -> None:
    tagger = small_crf()
    sentences = [*CORPUS, Sentence(CORPUS[0].words, (Entity(0, 2, "River"),))]
    evidence = list(collect_evidence(tagger, sentences))
    for sentence, one in zip(sentences, evidence, strict=True):
        for entity, outcome in zip(sentence.entities or (), one.outcomes, strict=True):
            events = (outcome.correct, outcome.label, outcome.boundary, outcome.spurious)
            assert min(events) >= 0
            assert sum(events) == pytest.approx(1)
            likely = {span: span.score for span, _ in one.likely}
            assert outcome.correct == pytest.approx(likely.get(entity, 0.0), abs=0.05)
    assert evidence[-1].outcomes[0].correct == 0  # a label that the tagger does not know
    assert [Evidence.from_json(json.loads(json.dumps(one.to_json()))) for one in evidence] == evidence


def test_a_killed_audit_resumes_after_the_last_fold_with_the_same_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, trained = plan_of(clean_corpus()), list[str]()
    whole = collect(plan, tmp_path / "whole", SilentLog())
    fit = module.fit_fold

    def killed_in_the_second(plan: FoldPlan, fold: module.Fold, folder: Path) -> Any:
        trained.append(fold.name)
        if trained == ["fold-1", "fold-2"]:
            raise KeyboardInterrupt
        return fit(plan, fold, folder)

    monkeypatch.setattr(module, "fit_fold", killed_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        collect(plan, tmp_path / "killed", SilentLog())
    assert collect(plan, tmp_path / "killed", SilentLog()) == whole
    assert trained == ["fold-1", "fold-2", "fold-2", "fold-3"]
    for name in ("fold-1", "fold-2", "fold-3"):
        assert (tmp_path / f"killed/{name}.json").read_bytes() == (tmp_path / f"whole/{name}.json").read_bytes()
        assert not (tmp_path / "killed" / name).exists()  # models of finished folds are deleted


def test_other_data_start_again_and_say_so(tmp_path: Path) -> None:
    class Lines(SilentLog):
        def __call__(self, line: str) -> None:
            lines.append(line)

    lines: list[str] = []
    collect(plan_of(clean_corpus()), tmp_path / "work", Lines())
    assert not any("changed" in line for line in lines)
    changed = collect(plan_of(clean_corpus()[1:]), tmp_path / "work", Lines())
    assert len(changed) == len(clean_corpus()) - 1
    assert any("data or settings have changed" in line for line in lines)


def test_a_folder_of_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "fold-1").mkdir()
    (tmp_path / "fold-1" / "mine.txt").write_text("x")
    with pytest.raises(OutputError, match="not the folder of an audit"):
        collect(plan_of(clean_corpus()), tmp_path, SilentLog())
    assert (tmp_path / "fold-1" / "mine.txt").read_text() == "x"


@pytest.mark.parametrize("content", [b"{", b"[1]", b"[]", b'[{"predicted": [], "doubts": [], "likely": [[]]}]'])
def test_a_damaged_fold_is_one_line_with_the_fix(tmp_path: Path, content: bytes) -> None:
    plan = plan_of(clean_corpus())
    collect(plan, tmp_path, SilentLog())
    (tmp_path / "fold-2.json").write_bytes(content)
    with pytest.raises(DataError, match=r"fold-2\.json: .* Fix: delete it"):
        collect(plan, tmp_path, SilentLog())


def test_a_class_of_one_fold_only_is_not_learned() -> None:
    sentences = [*clean_corpus(), Sentence(("one", "river"), (Entity(1, 2, "River"),))]
    assert unlearned(plan_of(sentences)) == {(len(sentences) - 1, "River")}


def test_a_family_without_a_chain_is_refused() -> None:
    with pytest.raises(ConfigError, match="--family: got 'span'; expected crf or encoder"):
        audit_settings(Corpus(tuple(CORPUS), Path("x")), {}, "span")
