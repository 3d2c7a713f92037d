"""The scorer against seqeval, against brute force, and on hand-made cases."""

from __future__ import annotations

import random
import time
import warnings
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

import coner
from coner.core.errors import DataError
from coner.core.tags import entities_from_tags, repair_tags
from coner.core.types import Entity, Sentence, surfaces
from coner.evaluation.results import Recall, Scores
from coner.evaluation.score import score, score_tags
from coner.families.tagger import Prediction
from helpers.corpora import GROUPS, LABELS, Corpus, confusion, mentions, rates, tag_pairs

approx = pytest.approx


def plain(gold: Corpus, predicted: Corpus, **options: object) -> Scores:
    """The expected result of ``score_tags``, by the functions of ``coner.core.tags`` for single sentences."""
    repaired = [repair_tags(tags) for tags in predicted]
    scores = score([entities_from_tags(tags) for tags in gold], [entities for entities, _ in repaired], **options)
    return replace(scores, words=sum(map(len, gold)), repaired=sum(count for _, count in repaired))


def everything(scores: Scores) -> list[object]:
    levels = (scores.fine, scores.coarse)
    return [scores.as_dict(), *(level.counts for level in levels), *(level.confusion for level in levels)]


class TestAgainstSeqeval:
    @given(tag_pairs())
    def test_micro_class_and_macro_scores_agree_on_valid_tags(self, pair: tuple[Corpus, Corpus]) -> None:
        gold, predicted = pair
        assume(any(tag != "O" for tags in gold + predicted for tag in tags))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = classification_report(
                gold, predicted, output_dict=True, mode="strict", scheme=IOB2, zero_division=0
            )
        ours = score_tags(gold, predicted).fine
        micro = report.pop("micro avg")
        assert (ours.precision, ours.recall, ours.micro_f1) == approx(
            (micro["precision"], micro["recall"], micro["f1-score"])
        )
        macro = report.pop("macro avg")
        del report["weighted avg"]
        assert set(ours.classes) == set(report)
        for label, theirs in report.items():
            result = ours.classes[label]
            assert (result.precision, result.recall, result.f1) == approx(
                (theirs["precision"], theirs["recall"], theirs["f1-score"])
            )
            assert result.support == theirs["support"]
        f1s = [result.f1 for result in ours.classes.values()]
        assert sum(f1s) / len(f1s) == approx(macro["f1-score"])
        if all(result.support for result in ours.classes.values()):
            assert ours.macro_f1 == approx(macro["f1-score"])


class TestAgainstBruteForce:
    @given(tag_pairs())
    def test_each_class_both_levels_and_the_span(self, pair: tuple[Corpus, Corpus]) -> None:
        gold, predicted = ([entities_from_tags(tags) for tags in side] for side in pair)
        scores = score(gold, predicted, groups=GROUPS)
        sets = mentions(gold), mentions(predicted)
        coarse = tuple({(*rest, GROUPS[label]) for *rest, label in side} for side in sets)
        for level, (truth, guesses) in ((scores.fine, sets), (scores.coarse, coarse)):
            f1s = []
            for label in {m[3] for m in truth | guesses}:
                of_gold, of_predicted = ({m for m in side if m[3] == label} for side in (truth, guesses))
                result = level.classes[label]
                assert (result.tp, result.support, result.predicted) == (
                    len(of_gold & of_predicted),
                    len(of_gold),
                    len(of_predicted),
                )
                expected = rates(len(of_gold & of_predicted), len(of_gold), len(of_predicted))
                assert (result.precision, result.recall, result.f1) == approx(expected)
                f1s.extend([expected[2]] if of_gold else [])
            assert list(level.classes) == sorted({m[3] for m in truth | guesses})
            assert level.macro_classes == len(f1s)
            assert level.macro_f1 == approx(sum(f1s) / len(f1s) if f1s else 0)
            assert (level.precision, level.recall, level.micro_f1) == approx(
                rates(len(truth & guesses), len(truth), len(guesses))
            )
            pairs = {(a, b): n for a, row in level.confusion.items() for b, n in row.items()}
            assert pairs == confusion(truth, guesses)
        spans = tuple({m[:3] for m in side} for side in sets)
        expected = rates(len(spans[0] & spans[1]), len(spans[0]), len(spans[1]))
        assert (scores.span.precision, scores.span.recall, scores.span.f1) == approx(expected)

    @given(tag_pairs())
    def test_counts_of_each_sentence(self, pair: tuple[Corpus, Corpus]) -> None:
        gold, predicted = ([entities_from_tags(tags) for tags in side] for side in pair)
        counts = score(gold, predicted).fine.counts
        grid = counts.dense(LABELS)
        assert grid.shape == (len(gold), len(LABELS), 3)
        for i, (truth, guesses) in enumerate(zip(gold, predicted, strict=True)):
            for j, label in enumerate(LABELS):
                a, b = ({e for e in side if e.label == label} for side in (truth, guesses))
                assert grid[i, j].tolist() == [len(a & b), len(b - a), len(a - b)]

    @given(tag_pairs(), st.randoms(use_true_random=False))
    def test_recall_on_seen_and_unseen_mentions(self, pair: tuple[Corpus, Corpus], rng: random.Random) -> None:
        words = [[rng.choice(["New", "york", "YORK", "x"]) for _ in tags] for tags in pair[0]]
        seen = {"new york", "x", "york"}
        gold, predicted = ([entities_from_tags(tags) for tags in side] for side in pair)
        tally: Counter[tuple[bool, bool]] = Counter()
        for sentence, truth, guesses in zip(words, gold, predicted, strict=True):
            for entity in truth:
                known = " ".join(word.lower() for word in sentence[entity.start : entity.end]) in seen
                tally[known, entity in guesses] += 1
        for scores in (score(gold, predicted, words=words, seen=seen), score_tags(*pair, words=words, seen=seen)):
            for known, recall in ((True, scores.seen), (False, scores.unseen)):
                assert recall is not None
                assert (recall.tp, recall.support) == (tally[known, True], tally[known, True] + tally[known, False])
                assert recall.recall == approx(recall.tp / recall.support if recall.support else 0)


class TestTagPath:
    @given(tag_pairs(), st.data())
    def test_equals_the_scores_of_entities_for_any_predicted_tags(
        self, pair: tuple[Corpus, Corpus], data: st.DataObject
    ) -> None:
        gold = pair[0]
        some = st.sampled_from(
            ["O", "B-Artist", "I-Artist", "I-Food", "B-", "", "I", "BI-Food", "Q-Food", "x", "-", "O-Food"]
        )
        predicted = [data.draw(st.lists(some, min_size=len(tags), max_size=len(tags))) for tags in gold]
        assert everything(score_tags(gold, predicted)) == everything(plain(gold, predicted))

    @given(tag_pairs())
    def test_equals_the_scores_of_entities_with_groups(self, pair: tuple[Corpus, Corpus]) -> None:
        assert everything(score_tags(*pair, groups=GROUPS)) == everything(plain(*pair, groups=GROUPS))

    @given(
        st.lists(
            st.lists(st.sampled_from(["O", "B-Food", "I-Food", "I-Artist", "X-Food", "B"]), max_size=5), max_size=4
        )
    )
    def test_refuses_invalid_gold_at_the_first_wrong_tag(self, gold: Corpus) -> None:
        faults = []
        for i, tags in enumerate(gold):
            try:
                entities_from_tags(tags)
            except ValueError as fault:
                faults.append(f"sentence {i + 1}, word {fault.index + 1}: {fault}")  # type: ignore[attr-defined]
        if not faults:
            score_tags(gold, gold)
            return
        with pytest.raises(DataError) as caught:
            score_tags(gold, gold)
        assert str(caught.value).startswith(faults[0])

    @pytest.mark.parametrize("tag", ["S-Food", "U-Food", "b-Food", "B_Food", "o"])
    def test_predictions_of_another_scheme_are_refused(self, tag: str) -> None:
        with pytest.raises(DataError, match=f"got predicted tag '{tag}'; expected IOB2"):
            score_tags([["O", "B-Food"]], [["O", tag]])

    def test_stray_inside_tags_of_a_prediction_open_a_mention_and_are_counted(self) -> None:
        scores = score_tags([["O", "B-Food", "I-Food"]], [["O", "I-Food", "I-Food"]])
        assert (scores.fine.micro_f1, scores.repaired, scores.words) == (1.0, 1, 3)

    def test_scores_a_quarter_of_a_million_sentences_in_under_four_seconds(self) -> None:
        rng = random.Random(1)
        labels = [f"Label{i}" for i in range(33)]

        def sentence() -> list[str]:
            tags: list[str] = []
            while len(tags) < 15:
                label = rng.choice(labels)
                tags.extend(["B-" + label, "I-" + label] if rng.random() < 0.1 else ["O"])
            return tags[:15]

        some = [sentence() for _ in range(1000)]
        gold = [tags for _ in range(250) for tags in some]
        predicted = gold[1:] + gold[:1]
        began = time.process_time()
        scores = score_tags(gold, predicted, groups={label: label[:6] for label in labels})
        assert time.process_time() - began < 4
        assert scores.sentences == 250_000 and scores.words == 3_750_000
        hits = sum(
            len(mentions([entities_from_tags(a)]) & mentions([entities_from_tags(b)]))
            for a, b in pairwise([*some, some[0]])
        )
        assert sum(result.tp for result in scores.fine.classes.values()) == hits * 250


class TestByHand:
    GOLD = ([Entity(0, 2, "Artist"), Entity(3, 4, "Food")], [], [Entity(0, 1, "Athlete"), Entity(2, 3, "Artist")])
    PREDICTED = (
        [Entity(0, 2, "Artist"), Entity(3, 5, "Food")],
        [Entity(0, 1, "Work/Art-Work")],
        [Entity(0, 1, "Artist")],
    )

    def test_all_numbers(self) -> None:
        scores = score(self.GOLD, self.PREDICTED, groups=GROUPS)
        fine = scores.fine
        assert (fine.precision, fine.recall, fine.micro_f1) == (1 / 4, 1 / 4, 1 / 4)
        assert fine.classes["Artist"].f1 == 1 / 2
        assert (fine.macro_f1, fine.macro_classes) == (approx(1 / 6), 3)
        assert scores.coarse.classes["Person"].__dict__ == {
            "precision": 1.0, "recall": approx(2 / 3), "f1": approx(4 / 5), "support": 3, "predicted": 2, "tp": 2,
        }  # fmt: skip
        assert (scores.coarse.macro_f1, scores.coarse.macro_classes) == (approx(2 / 5), 2)
        assert scores.span.__dict__ == {
            "precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "support": 4, "predicted": 4, "tp": 2,
        }  # fmt: skip
        assert fine.confusion == {"Artist": {"Artist": 1}, "Athlete": {"Artist": 1}}

    def test_the_json_has_the_documented_keys(self) -> None:
        words = [["a", "b", "c", "d", "e"], ["f"], ["g", "h", "i"]]
        values = score(self.GOLD, self.PREDICTED, words=words, seen={"a b"}).as_dict()
        assert {"fine", "coarse", "span", "seen", "unseen", "sentences", "words", "skipped", "repaired"} <= set(values)
        assert {"micro_f1", "macro_f1", "precision", "recall", "classes"} <= set(values["fine"])
        assert {"precision", "recall", "f1", "support", "predicted"} <= set(values["coarse"]["classes"]["Artist"])
        assert (values["seen"]["recall"], values["unseen"]["recall"], values["words"]) == (1.0, 0.0, 9)

    def test_without_training_data_there_is_no_seen_recall(self) -> None:
        assert not {"seen", "unseen"} & set(score(self.GOLD, self.PREDICTED).as_dict())

    def test_without_groups_coarse_scores_equal_fine_scores(self) -> None:
        scores = score(self.GOLD, self.PREDICTED)
        assert scores.coarse == scores.fine

    def test_order_and_confidence_do_not_matter_and_equal_entities_count_once(self) -> None:
        shuffled = [[replace(e, score=0.3) for e in entities] * 2 for entities in self.PREDICTED]
        assert everything(score(self.GOLD, [es[::-1] for es in shuffled])) == everything(
            score(self.GOLD, self.PREDICTED)
        )

    @pytest.mark.parametrize(
        "pair", [([], []), ([[]], [[]]), ([[Entity(0, 1, "A")]], [[]]), ([[]], [[Entity(0, 1, "A")]])]
    )
    def test_rates_without_a_denominator_are_zero(self, pair: tuple[list[list[Entity]], list[list[Entity]]]) -> None:
        scores = score(*pair, groups={"A": "B"}, words=[["x"]] * len(pair[0]), seen=set())
        assert scores.seen is not None
        numbers = [
            scores.fine.micro_f1,
            scores.fine.macro_f1,
            scores.coarse.macro_f1,
            scores.span.f1,
            scores.seen.recall,
        ]
        assert numbers == [0.0] * 5

    def test_surfaces_are_lower_cased_words_of_mentions(self) -> None:
        sentences = [Sentence(("New", "York", "eats"), (Entity(0, 2, "Food"),)), Sentence(("x",), None)]
        assert surfaces(sentences) == {"new york"}


class TestErrors:
    ONE = Entity(0, 1, "A")

    def test_different_numbers_of_sentences(self) -> None:
        with pytest.raises(DataError, match=r"got 2 predicted sentences for 1 gold"):
            score([[]], [[], []])
        with pytest.raises(DataError, match=r"got 0 .* for 1 gold"):
            score_tags([["O"]], [])
        with pytest.raises(DataError, match=r"got 2 lists of words for 1 gold"):
            score([[]], [[]], words=[["a"], ["b"]])

    def test_different_numbers_of_words(self) -> None:
        with pytest.raises(DataError, match=r"sentence 2: got 2 predicted tags for 1 gold tags"):
            score_tags([["O"], ["O"]], [["O"], ["O", "O"]])
        with pytest.raises(DataError, match=r"sentence 1: got 2 words for 1 gold tags"):
            score_tags([["O"]], [["O"]], words=[["a", "b"]])

    def test_an_entity_beyond_its_sentence(self) -> None:
        with pytest.raises(
            DataError, match=r"sentence 2: got a predicted entity that ends at word 3; expected at most 2"
        ):
            score([[], []], [[], [Entity(0, 3, "A")]], words=[["a"] * 9, ["a"] * 2])

    @pytest.mark.parametrize("entity", [Entity(1, 1, "A"), Entity(2, 1, "A"), Entity(-1, 1, "A")])
    def test_an_empty_or_negative_span(self, entity: Entity) -> None:
        with pytest.raises(DataError, match=r"sentence 1: got a gold entity from word"):
            score([[entity]], [[]])

    def test_two_labels_on_one_span(self) -> None:
        with pytest.raises(DataError, match=r"sentence 2: got labels A and B on predicted words 0 to 1"):
            score([[], []], [[self.ONE], [Entity(0, 1, "B"), self.ONE]])

    def test_a_label_without_a_group(self) -> None:
        with pytest.raises(DataError, match=r"got label 'A'; expected one of the taxonomy: B"):
            score([[]], [[self.ONE]], groups={"B": "C"})

    def test_a_sentence_without_labels(self) -> None:
        with pytest.raises(DataError, match=r"sentence 2 \(line 7\): got no labels"):
            score([Sentence(("a",), ()), Sentence(("a",), None, line=7)], [[], []])

    def test_a_prediction_without_an_answer(self) -> None:
        with pytest.raises(DataError, match=r"sentence 1: got no answer; expected predicted entities"):
            score([()], [Prediction(Sentence(("a",)), None)])


def test_sentences_and_predictions_score_like_their_entities() -> None:
    gold = [Sentence(("nina", "sang"), (Entity(0, 1, "A"),)), Sentence(("in", "oslo"), (Entity(1, 2, "B"),))]
    entities = [(Entity(0, 1, "A", 0.7),), (Entity(1, 2, "A"),)]
    predictions = [Prediction(sentence, row) for sentence, row in zip(gold, entities, strict=True)]
    expected = score(gold, entities, seen={"nina"})
    assert (expected.fine.micro_f1, expected.words, expected.seen) == (0.5, 4, Recall(1.0, 1, 1))
    assert score(gold, predictions, seen={"nina"}) == expected
    assert score(iter(gold), iter(predictions), seen={"nina"}) == expected
    assert coner.score_sentences(gold, predictions, seen={"nina"}) == expected  # a former name
    assert replace(score([s.entities or () for s in gold], entities), words=4) == replace(
        expected, seen=None, unseen=None
    )


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: score_tags([[0]], [["O"]]), r"^gold\[0\]\[0\]: got 0; expected tags such as B-City$"),
        (lambda: score_tags([["O"]], [[None]]), r"^predicted\[0\]\[0\]: got None; expected tags such as B-City$"),
        (lambda: score_tags(["O"], [["O"]]), r"^gold\[0\]: got 'O'; expected a list of tags, such as B-City$"),
        (
            lambda: score_tags([["O"]], 3),
            "^predicted: got 3; expected a list of tags, such as B-City for each",
        ),
        (lambda: score([0], [()]), r"^gold\[0\]: got 0; expected a Sentence, a Prediction or a list of entities$"),
        (lambda: score([()], [[1]]), r"^predicted\[0\]\[0\]: got 1; expected an Entity\.$"),
        (
            lambda: score([["B-X"]], [()]),
            r"^gold\[0\]\[0\]: got 'B-X'; expected an Entity\. Fix: score_tags, .* tags$",
        ),
        (lambda: score(None, []), "^gold: got None; expected a Sentence, .* for each sentence$"),
    ],
)
def test_values_of_other_types_are_named(use: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        use()


def test_tags_may_be_arrays() -> None:
    tags = np.array([["O", "B-X"], ["B-X", "I-X"]])
    assert score_tags(tags, tags).fine.micro_f1 == 1  # type: ignore[arg-type]


def test_the_representation_of_scores_is_short() -> None:
    gold = [Sentence(("bern",), (Entity(0, 1, "City"),))]
    text = repr(score(gold, [[Entity(0, 1, "City")]]))
    assert "macro_f1=1.0" in text
    assert not [name for name in ("classes={", "counts=", "confusion=") if name in text]
