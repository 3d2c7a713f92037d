"""Label text with a model, to train another model on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Unpack

from coner.core.errors import DataError
from coner.core.files import atomic_write
from coner.core.progress import progress_bar
from coner.core.types import Sentence
from coner.data import Corpus, Reader, detect, read, stream, write_conll
from coner.data.formats.conll import UNFIT_ID
from coner.data.label_map import Projection, load_map
from coner.data.reading.reader import HEADER, Reading
from coner.families.best_tagging import best_allowed
from coner.families.tagger import Prediction, Tagger
from coner.tagging.file import labelled
from coner.tagging.stream import Tally, tag_corpus


@dataclass(frozen=True)
class Distilled:
    """What was labelled."""

    counts: Counter[str]  # sentences ``written``, their ``entities``, and ``unreadable`` answers
    tally: Tally | None = None  # of all sentences; ``None`` with a label map
    map: Path | None = None  # the label map that allowed the labels


def distil_file(
    tagger: Tagger,
    source: str,
    out: Path,
    *,
    name: str,
    label_map: str | None = None,
    limit: int | None = None,
    format: str = "auto",
    **options: Unpack[Reading],
) -> Distilled:
    """Label the sentences of a file with a model and write them as CoNLL, to train another model on them.

    Labels of the file are ignored; with a label map, a built-in one or a file, each sentence gets the most probable
    labels that its own ones allow.

    Args:
        tagger: the teacher.
        source: file or folder; ``-``: standard input, whose format must be named.
        out: the file to write.
        name: of the teacher, with which each sentence is marked.
        label_map: name or file.
        limit: number of sentences to label; ``None``: all.
        format: of the source; ``auto``: recognised.
        **options: how it is read.

    Raises:
        ConfigError: with a label map, the tagger has no chain of tags; else its endpoint is not permitted.
        DataError: the source is faulty, the map does not fit it, or no sentence could be labelled.
        OutputError: the file cannot be written.
    """
    read_as = detect(source) if format == "auto" else format
    if label_map is None:
        tagger.check_endpoint()
        tally, counts = distil(
            tagger, name, stream(source, format=read_as, **options, predicted=True), out, limit=limit
        )
        return Distilled(counts, tally)
    corpus = read(source, format=read_as, **options, gold=True)
    corpus = replace(corpus, sentences=corpus.sentences[:limit])
    projection = load_map(label_map).onto(tagger.taxonomy)
    return Distilled(distil_allowed(tagger, name, corpus, projection, out), map=projection.map.path)


def distil(tagger: Tagger, name: str, reader: Reader, out: Path, *, limit: int | None) -> tuple[Tally, Counter[str]]:
    """Label the sentences of a reader and write them as CoNLL, each marked with the name of the model.

    Sentences without an answer, or whose answer could not be read completely, are left out.

    Returns:
        The tally of all sentences; and counts of sentences ``written``, their ``entities``, and ``unreadable`` answers.

    Raises:
        DataError: no sentence could be labelled; nothing is written.
    """
    counts: Counter[str] = Counter()
    mark = "labelled_by=" + "_".join(name.split())

    def usable(predictions: Iterator[Prediction]) -> Iterator[Sentence]:
        for number, prediction in enumerate(predictions, 1):
            if prediction.entities is not None and prediction.reliable:
                counts.update(written=1, entities=len(prediction.entities))
                yield marked(labelled(prediction), mark, number)
            elif prediction.entities is not None:
                counts["unreadable"] += 1

    with atomic_write(out) as handle, progress_bar("labelling", limit) as bar:
        tally = tag_corpus(
            tagger,
            islice(reader, limit),
            lambda predictions: write_conll(usable(predictions), handle),
            after_batch=lambda tally: bar.advance_to(tally.sentences),
        )
        if not counts["written"]:
            raise DataError("no sentence could be labelled; nothing was written", str(reader.path))
    return tally, counts


def distil_allowed(tagger: Tagger, name: str, corpus: Corpus, projection: Projection, out: Path) -> Counter[str]:
    """Write the sentences with the most probable labels that their own annotation allows, by a label map, as CoNLL.

    Returns counts of sentences ``written`` and their ``entities``. ``ConfigError`` if the tagger has no chain of tags.
    """
    projection.check(corpus, tagger.labels)
    counts: Counter[str] = Counter()
    mark = "labelled_by=" + "_".join(name.split())

    def chosen() -> Iterator[Sentence]:
        with progress_bar("labelling", len(corpus)) as bar:
            for number, sentence in enumerate(best_allowed(tagger, list(map(projection.apply, corpus))), 1):
                counts.update(written=1, entities=len(sentence.entities or ()))
                yield marked(sentence, mark, number)
                bar.advance()

    with atomic_write(out) as handle:
        write_conll(chosen(), handle)
    return counts


def marked(sentence: Sentence, mark: str, number: int) -> Sentence:
    """The labelled sentence with a mark after its id, where every reader takes it for a header."""
    header = next((line for line in sentence.header if line.startswith(HEADER)), None)
    id = sentence.id if sentence.id and not UNFIT_ID.search(sentence.id) else str(number)
    return Sentence(sentence.words, sentence.entities, header=(f"{header or HEADER + id}\t{mark}",))
