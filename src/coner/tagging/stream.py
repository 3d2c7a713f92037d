"""The one loop that tags a corpus: source, batches, tagger, sink, with counts, progress and resume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import islice
from operator import add

from coner.core.errors import ConfigError, Unanswered
from coner.core.progress import progress_bar
from coner.core.types import Sentence, require_sentence
from coner.families.tagger import Prediction, Tagger
from coner.families.usage import Failure, Usage, by_kind

CHANGES = ("added", "removed", "relabelled")  # counts of entities, by rules
COUNTS = ("sentences", "answered", "entities", "repaired", "below", *CHANGES, "linked")  # of a tally
BATCH_WORDS = 1 << 14  # about a thousand sentences: some seconds of an encoder's work


@dataclass
class Tally:
    """Counts over the predictions of a stream."""

    sentences: int = 0
    answered: int = 0  # sentences that have an answer
    entities: int = 0
    repaired: int = 0  # predicted tags
    below: int = 0  # entities left out, below the threshold of the model
    added: int = 0  # entities, by rules; see ``rules``
    removed: int = 0
    relabelled: int = 0
    linked: int = 0  # entities with an id of a knowledge base
    failures: Counter[Failure] = field(default_factory=Counter)  # why sentences, or spans, have no answer
    usage: Usage | None = None  # of an endpoint; ``None`` if none was called
    unanswered_before: int = 0  # in earlier starts

    @classmethod
    def resumed(cls, counts: Mapping[str, int]) -> Tally:
        """The tally of an earlier start, from its ``counts``."""
        tally = cls(unanswered_before=counts.get("lacking", 0))
        for name in COUNTS:
            setattr(tally, name, counts.get(name, 0))
        return tally

    def counts(self) -> dict[str, int]:
        """What a later start needs, see ``resumed``."""
        return {**{name: getattr(self, name) for name in COUNTS}, "lacking": self.lacking}

    @property
    def lacking(self) -> int:
        """Number of sentences, or spans, without an answer, in this start and earlier ones."""
        return self.failures.total() + self.unanswered_before

    def add(self, prediction: Prediction) -> None:
        """Count one more prediction."""
        self.sentences += 1
        self.answered += prediction.entities is not None
        self.entities += len(prediction.entities or ())
        self.repaired += prediction.repaired
        self.below += prediction.below
        for name in CHANGES:
            setattr(self, name, getattr(self, name) + getattr(prediction.changes, name))
        self.linked += sum(bool(entity.kb_id) for entity in prediction.entities or ())
        self.failures.update(prediction.failures)
        if prediction.usage is not None:
            self.usage = prediction.usage if self.usage is None else self.usage + prediction.usage

    def __add__(self, other: Tally) -> Tally:
        usages = [usage for usage in (self.usage, other.usage) if usage is not None]
        total = {name: getattr(self, name) + getattr(other, name) for name in (*COUNTS, "failures")}
        before = self.unanswered_before + other.unanswered_before
        return Tally(**total, usage=reduce(add, usages) if usages else None, unanswered_before=before)

    def require_answer(self) -> None:
        """Raise ``Unanswered`` if there were failures and no answer."""
        if not self.answered and self.failures:
            raise Unanswered("no sentence has an answer", self.failures)

    def missing(self, unit: str) -> str | None:
        """A line that counts what has no answer, with the reasons; ``None`` if everything has one."""
        if not self.failures:
            return None
        [(first, _)] = self.failures.most_common(1)
        total = self.usage.asked if unit == "span" and self.usage is not None else self.sentences
        kinds = ", ".join(f"{count} {kind}" for kind, count in by_kind(self.failures).items())
        return (
            f"{self.failures.total()} of {total} {unit}s have no answer ({kinds}): {first.reason}; "
            "progress is saved; run the same command again to ask for the rest"
        )


def batches(tagger: Tagger, sentences: Iterable[Sentence], batch: int | None = None) -> Iterator[list[Sentence]]:
    """Batches of ``batch`` sentences, or of as many as suit the tagger; equal sentences give equal batches."""
    maximum, multiple = (batch, 1) if batch else (tagger.batch_sentences, tagger.batch_multiple)
    chunk: list[Sentence] = []
    words = 0
    for sentence in sentences:
        require_sentence(sentence)
        chunk.append(sentence)
        words += len(sentence)
        full = (batch is None and words >= BATCH_WORDS) or (maximum is not None and len(chunk) >= maximum)
        if full and len(chunk) % multiple == 0:
            yield chunk
            chunk, words = [], 0
    if chunk:
        yield chunk


def tag_stream(tagger: Tagger, sentences: Iterable[Sentence], *, batch: int | None = None) -> Iterator[Prediction]:
    """Tag any number of sentences: lazily, in order, in constant memory.

    Args:
        tagger: of any family.
        sentences: read at most a batch ahead of the predictions that are consumed.
        batch: number of sentences in a batch, at least 1; by default what suits the tagger.
    """
    if batch is not None and batch < 1:
        raise ConfigError(f"batch: got {batch}; expected at least 1")
    return (prediction for chunk in batches(tagger, sentences, batch) for prediction in tagger.predict(chunk))


def tag_corpus(
    tagger: Tagger,
    source: Iterable[Sentence],
    sink: Callable[[Iterator[Prediction]], object],
    *,
    tally: Tally | None = None,
    skip: int = 0,
    after_batch: Callable[[Tally], object] = lambda tally: None,
) -> Tally:
    """Tag every sentence of a source into a sink.

    Args:
        tagger: of any family.
        source: sentences, in order.
        sink: consumes the predictions; when it requests one, it has finished with the one before.
        tally: counts of an earlier start, to continue.
        skip: number of sentences at the start of the source that an earlier start tagged.
        after_batch: called when the sink has consumed a batch: a safe point, to save and show progress.

    Raises:
        Unanswered: a whole batch, and everything before it, has no answer.
    """
    counts = Tally() if tally is None else tally
    sentences = iter(source)
    for _ in islice(sentences, skip):
        pass

    def predictions() -> Iterator[Prediction]:
        for chunk in batches(tagger, sentences):
            predicted = list(tagger.predict(chunk))
            for prediction in predicted:
                counts.add(prediction)
            counts.require_answer()
            yield from predicted
            after_batch(counts)

    sink(predictions())
    return counts


def tag_all(tagger: Tagger, sentences: Sequence[Sentence], title: str) -> tuple[list[Prediction], Tally]:
    """Tag sentences in memory, with a progress bar; ``Unanswered`` if none has an answer."""
    predictions: list[Prediction] = []
    with progress_bar(title, len(sentences)) as bar:
        tally = tag_corpus(tagger, sentences, predictions.extend, after_batch=lambda t: bar.advance_to(t.sentences))
    return predictions, tally
