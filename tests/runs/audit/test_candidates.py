"""Candidates: an injected error of each kind is found and named, scores, groups of words."""

from __future__ import annotations

from pathlib import Path

import pytest

from coner.core.errors import DataError
from coner.core.progress import SilentLog
from coner.core.types import Entity, Sentence
from coner.data import Corpus, read
from coner.runs.audit.audit import Audit, audit, audit_settings, write_tasks
from coner.runs.audit.candidates import AuditCandidate, find_candidates, group
from coner.runs.audit.evidence import Evidence, MentionOutcome
from helpers.audited import WRONG, corpus_with_errors


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    corpus = Corpus(tuple(corpus_with_errors()), Path("memory"))
    work = tmp_path_factory.mktemp("work") / "folds"
    return audit(corpus, audit_settings(corpus, {}, "crf"), folds=4, work=work, log=SilentLog())


@pytest.mark.parametrize("kind", WRONG)
def test_an_error_of_each_kind_is_among_the_first_and_named(found: Audit, kind: str) -> None:
    words, _, span = WRONG[kind]
    named = [(found.corpus[c.sentence].words, c.span, c.error) for c in found.candidates[:8]]
    assert (tuple(words.split()), span, kind) in named


def test_right_annotations_are_rarely_suspicious(found: Audit) -> None:
    wrong = {tuple(words.split()) for words, _, _ in WRONG.values()}
    assert sum(found.corpus[c.sentence].words not in wrong for c in found.suspicious) <= 2
    assert len(found.candidates) >= found.mentions


def outcome(correct: float = 0.0, label: float = 0.0, boundary: float = 0.0, spurious: float = 0.0) -> MentionOutcome:
    return MentionOutcome(correct, label, boundary, spurious)


def candidates_of(
    *outcomes: MentionOutcome, likely: tuple[tuple[Entity, float], ...] = (), size: int = 1
) -> list[AuditCandidate]:
    """Candidates of one sentence, with a mention of ``size`` words for each doubt, one word apart."""
    gold = tuple(Entity(at * (size + 1), at * (size + 1) + size, "X") for at in range(len(outcomes)))
    sentence = Sentence(tuple("abcdefghijkl"), gold)
    return find_candidates([sentence], [Evidence((), outcomes, likely)])


def test_the_score_is_the_logistic_function_of_the_weighted_log_odds() -> None:
    [one] = candidates_of(outcome(0.2, 0.5, 0.1, 0.2))
    odds = (0.5 + 0.1 + 0.1 * 0.2) / 0.2
    assert one.score == pytest.approx(odds / (1 + odds))
    assert one.error == "class"
    [longer] = candidates_of(outcome(0.2, 0.5, 0.1, 0.2), size=4)
    assert longer.score == pytest.approx(odds**0.5 / (1 + odds**0.5))  # the root of four words is two


@pytest.mark.parametrize("size", [1, 3])
def test_scores_stay_between_0_and_1_and_certain_errors_come_first(size: int) -> None:
    first, last = candidates_of(outcome(correct=1), outcome(label=1), size=size)
    assert (first.error, last.gold) == ("class", Entity(0, size, "X"))
    assert 0 <= last.score < 0.01
    assert 0.99 < first.score <= 1


def test_the_suggestion_fits_the_kind() -> None:
    likely = ((Entity(0, 1, "X", 0.3), 0.3), (Entity(0, 1, "Y", 0.2), 0.3), (Entity(0, 2, "X", 0.4), 0.3))
    for kind, expected in (("label", Entity(0, 1, "Y")), ("boundary", Entity(0, 2, "X")), ("spurious", None)):
        [one] = candidates_of(outcome(**{"correct": 0.4, kind: 0.6}), likely=likely)
        assert one.suggested == expected


def test_a_missing_mention_is_the_most_probable_one_that_is_not_another_boundary() -> None:
    likely = (
        *((Entity(0, 2, "X", 0.6), 0.1), (Entity(1, 2, "X", 0.2), 0.1)),  # the second is part of the first
        *((Entity(4, 6, "Y", 0.5), 0.2), (Entity(5, 6, "X", 0.3), 0.3)),
    )
    missing = [c for c in candidates_of(outcome(correct=1), likely=likely) if c.error == "missing"]
    assert [c.suggested for c in missing] == [Entity(4, 6, "Y")]


def test_groups_show_how_the_same_words_are_annotated_elsewhere() -> None:
    sentences = [
        Sentence(("New", "York", "wins"), (Entity(0, 2, "City"),)),
        Sentence(("in", "new", "york"), (Entity(1, 3, "Team"),)),
        Sentence(("new", "york", "x", "york"), (Entity(3, 4, "City"),)),
        Sentence(("old", "new", "york"), (Entity(0, 3, "City"),)),  # part of a longer mention: not counted
    ]
    first = AuditCandidate("class", 1, Entity(1, 3, "Team"), None, 0.9)
    second = AuditCandidate("class", 0, Entity(0, 2, "City"), None, 0.5)
    other = AuditCandidate("spurious", 2, Entity(3, 4, "City"), None, 0.7)
    one, two = group(sentences, [first, other, second])
    assert (one.surface, one.candidates) == ("new york", (first, second))
    assert one.annotated == {"City": [(0, 0)], "Team": [(1, 1)], "": [(2, 0)]}
    assert (two.surface, two.annotated) == ("york", {"City": [(2, 3)], "": [(2, 1)]})


def test_tasks_have_gold_as_annotation_and_the_folds_as_prediction(found: Audit, tmp_path: Path) -> None:
    shown = found.suspicious
    path = tmp_path / "again.json"
    count = write_tasks(found, shown, path)
    numbers = list(dict.fromkeys(c.sentence for c in shown))
    assert count == len(numbers) >= 3
    again = read(path, gold=True)
    assert [s.words for s in again] == [found.corpus[number].words for number in numbers]
    assert [s.entities for s in again] == [found.corpus[number].entities for number in numbers]
    text = path.read_text(encoding="utf-8").replace('"annotations"', '"dropped"')
    (tmp_path / "predicted.json").write_text(text, encoding="utf-8")
    predicted = read(tmp_path / "predicted.json", predicted=True)
    assert [s.entities for s in predicted] == [found.evidence[number].predicted for number in numbers]


def test_mentions_of_classes_that_cannot_be_learned_are_left_out_and_counted(tmp_path: Path) -> None:
    river = Sentence(("one", "river"), (Entity(1, 2, "River"),), line=7)
    corpus = Corpus((*corpus_with_errors(), river, Sentence(())), Path("memory"))
    found = audit(corpus, audit_settings(corpus, {}, "crf"), folds=2, work=tmp_path / "work", log=SilentLog())
    assert found.left_out == 1
    assert not any(c.gold is not None and c.gold.label == "River" for c in found.candidates)
    assert len(found.corpus) == len(corpus) - 1  # without the sentence that has no word
    assert found.line(len(found.corpus) - 1, 1) == 7  # not of a file with a line for each word


def test_data_without_a_mention_are_refused(tmp_path: Path) -> None:
    corpus = Corpus((Sentence(("a",), ()), Sentence(("b",), ())), Path("x.conll"))
    with pytest.raises(DataError, match=r"x\.conll: got no mention"):
        audit(corpus, audit_settings(corpus, {}, "crf"), folds=2, work=tmp_path / "work", log=SilentLog())
