"""The one loop that tags: in order, a batch at a time, with counts, resume and missing answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import coner
from coner.core.errors import ConfigError, DataError, Unanswered
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.tagger import Prediction, Tagger
from coner.families.usage import Failure, Usage
from coner.tagging import stream
from coner.tagging.stream import Tally, batches, tag_all, tag_corpus, tag_stream
from helpers.small import CORPUS, small_crf

NO_ROUTE = Failure("unreachable", "no route to host")


class Numbers(Tagger):
    """Predicts the first word, repairs a tag in every sentence that starts with an even number, and records calls.

    Sentences that start with a number in ``unanswered`` have no answer.
    """

    kind, labels, taxonomy = "numbers", ("X",), Taxonomy("t", {"G": {"X": ""}})

    def __init__(self, *, multiple: int = 1, maximum: int | None = None, unanswered: Sequence[int] = ()) -> None:
        self.batch_multiple, self.batch_sentences = multiple, maximum
        self.unanswered = unanswered
        self.calls: list[list[int]] = []

    def predict_raw(self, sentences: Sequence[Sentence]) -> Iterator[Prediction]:
        numbers = [int(sentence.words[0]) for sentence in sentences]
        self.calls.append(numbers)
        for number, sentence in zip(numbers, sentences, strict=True):
            if number in self.unanswered:
                yield Prediction(sentence, None, failures=(NO_ROUTE,), usage=Usage("tiny", {"calls": 1.0}, asked=1))
            else:
                yield Prediction(sentence, (Entity(0, 1, "X", 0.5),), repaired=number % 2 == 0)

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def numbered(*lengths: int) -> list[Sentence]:
    return [Sentence((str(number), *["w"] * (length - 1))) for number, length in enumerate(lengths)]


@given(
    st.lists(st.integers(1, 9), max_size=40),
    st.integers(1, 4),
    st.none() | st.integers(1, 7),
    st.none() | st.integers(1, 9),
)
def test_batches_keep_the_order_and_their_limits(
    lengths: list[int], multiple: int, maximum: int | None, batch: int | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "BATCH_WORDS", 12)
        tagger = Numbers(multiple=multiple, maximum=maximum)
        sentences = numbered(*lengths)
        chunks = list(batches(tagger, sentences, batch))
    assert [sentence for chunk in chunks for sentence in chunk] == sentences
    sizes = [len(chunk) for chunk in chunks]
    if batch is not None:
        assert all(size == batch for size in sizes[:-1]) and all(size <= batch for size in sizes)
    else:
        assert all(size % multiple == 0 for size in sizes[:-1])
        # A batch is full with the sentence that reaches the words, rounded up to the multiple.
        assert all(sum(map(len, chunk[:-multiple])) < 12 for chunk in chunks)


def test_a_stream_reads_at_most_a_batch_ahead() -> None:
    taken: list[int] = []

    def source() -> Iterator[Sentence]:
        for sentence in numbered(*[1] * 100):
            taken.append(int(sentence.words[0]))
            yield sentence

    tagger = Numbers()
    predictions = tag_stream(tagger, source(), batch=5)
    assert taken == []
    for consumed in range(1, 51):
        assert next(predictions).sentence.words == (str(consumed - 1),)
        assert len(taken) == 5 * -(-consumed // 5)
    assert tagger.calls == [list(range(start, start + 5)) for start in range(0, 50, 5)]


def test_a_stream_of_any_length_takes_bounded_memory() -> None:
    alive: set[int] = set()
    maximum = 0

    class Tracked(Sentence):
        def __del__(self) -> None:
            alive.discard(id(self))

    def source() -> Iterator[Sentence]:
        nonlocal maximum
        for number in range(2000):
            sentence = Tracked((str(number),))
            alive.add(id(sentence))
            maximum = max(maximum, len(alive))
            yield sentence
            del sentence

    assert sum(1 for _ in tag_stream(Numbers(), source(), batch=10)) == 2000
    assert maximum <= 25  # a batch that is tagged, and one that is collected


def test_a_stream_gives_what_tag_gives() -> None:
    tagger = small_crf()
    predictions = list(coner.tag_stream(tagger, iter(CORPUS), batch=3))
    assert [list(prediction.entities or ()) for prediction in predictions] == tagger.tag(CORPUS)
    assert [prediction.sentence for prediction in predictions] == CORPUS
    assert list(tag_stream(tagger, [])) == []
    with pytest.raises(ConfigError, match="batch: got 0; expected at least 1"):
        tag_stream(tagger, CORPUS, batch=0)


def test_a_corpus_is_counted_and_saved_after_each_batch() -> None:
    tagger, written, saved = Numbers(maximum=4), list[str](), list[tuple[int, int]]()

    def sink(predictions: Iterator[Prediction]) -> None:
        written.extend(prediction.sentence.words[0] for prediction in predictions)

    tally = tag_corpus(
        tagger, numbered(*[2] * 10), sink, after_batch=lambda t: saved.append((t.sentences, len(written)))
    )
    assert (tally.sentences, tally.answered, tally.entities, tally.repaired) == (10, 10, 10, 5)
    assert [done for done, _ in saved] == [4, 8, 10]
    assert written == list("0123456789")


def test_a_resumed_corpus_skips_what_an_earlier_start_tagged() -> None:
    first = tag_corpus(Numbers(unanswered=(1,)), numbered(1, 1, 1, 1), list)
    counts = {"sentences": 4, "answered": 3, "entities": 3, "repaired": 2, "lacking": 1}
    assert +Counter(first.counts()) == counts
    resumed, tagger = Tally.resumed(first.counts()), Numbers()
    words = list[str]()
    tally = tag_corpus(
        tagger,
        numbered(*[1] * 7),
        lambda predictions: words.extend(p.sentence.words[0] for p in predictions),
        tally=resumed,
        skip=resumed.sentences,
    )
    assert words == ["4", "5", "6"]
    assert (tally.sentences, tally.answered, tally.entities, tally.repaired, tally.lacking) == (7, 6, 6, 4, 1)
    assert Tally.resumed({}) == Tally()


def test_missing_answers_are_counted_and_explained() -> None:
    predictions, tally = tag_all(Numbers(unanswered=(0, 2)), numbered(1, 1, 1), "tagging")
    assert [prediction.entities is None for prediction in predictions] == [True, False, True]
    assert tally.lacking == 2 and tally.usage is not None and tally.usage.spent["calls"] == 2
    expected = "2 of 3 sentences have no answer (2 unreachable): no route to host; progress is saved"
    assert str(tally.missing("sentence")).startswith(expected)
    assert Tally().missing("sentence") is None


def test_a_corpus_without_any_answer_is_an_error_before_anything_is_written() -> None:
    written: list[Prediction] = []
    with pytest.raises(Unanswered, match=r"no sentence has an answer \(unreachable\): no route to host") as error:
        tag_corpus(Numbers(maximum=2, unanswered=range(9)), numbered(1, 1, 1), written.extend)
    assert error.value.exit_code == 3
    assert written == []


def test_tallies_add_up() -> None:
    parts = [tag_all(Numbers(unanswered=(1,)), numbered(*[1] * count), "x")[1] for count in (3, 5)]
    total = parts[0] + parts[1]
    assert (total.sentences, total.answered, total.entities, total.repaired) == (8, 6, 6, 5)
    assert total.failures == {NO_ROUTE: 2}
    assert total.usage is not None and total.usage.asked == 2


@pytest.mark.parametrize("value", [None, "a b", ["a", "b"], 5])
def test_only_sentences_are_tagged(value: Any) -> None:
    for tag in (lambda: list(tag_stream(Numbers(), [value])), lambda: Numbers().tag([value])):
        with pytest.raises(DataError, match="expected a Sentence"):
            tag()
