"""Suggest sentences of a file, and write them as tasks for annotators."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Unpack

from coner.core.errors import DataError
from coner.core.progress import progress_bar
from coner.core.types import Sentence
from coner.data import Reader, detect, stream
from coner.data.formats import WriteOptions, formats
from coner.data.reading.reader import Reading
from coner.families.tagger import Tagger
from coner.tagging.distil import marked
from coner.tagging.file import STDIO
from coner.tagging.suggestion.suggest import Suggestion, Suggestions, suggest

PROGRESS_INTERVAL = 100  # sentences after which the progress bar moves


def suggest_file(
    tagger: Tagger,
    source: str,
    number: int,
    *,
    known: Sequence[str] = (),
    seed: int = 42,
    format: str = "auto",
    **options: Unpack[Reading],
) -> Suggestions:
    """The sentences of a file or folder that are most worth labelling; see ``suggest``. Its labels are ignored.

    Args:
        tagger: with probabilities, see ``load_with_probabilities``.
        source: file or folder; ``-``: standard input.
        number: how many to suggest at most.
        known: labelled files, whose sentences are left out.
        seed: decides between equally uncertain sentences.
        format: of the source; ``auto``: recognised, and text for standard input.
        **options: how all files are read.

    Raises:
        DataError: a file is faulty, or there is nothing to suggest.
    """
    if format == "auto":
        format = "text" if source == STDIO else detect(source)
    reader = stream(source, format=format, **options, predicted=True)
    labelled = chain.from_iterable(stream(file, **options, predicted=True) for file in known)
    return _suggest(tagger, reader, number, labelled, seed)


def _suggest(tagger: Tagger, reader: Reader, number: int, known: Iterable[Sentence], seed: int) -> Suggestions:
    path = Path(reader.path)
    with progress_bar("reading", path.stat().st_size if path.is_file() else None, percent=True) as bar:

        def sentences() -> Iterator[Sentence]:
            for count, sentence in enumerate(reader):
                if count % PROGRESS_INTERVAL == 0:
                    bar.advance_to(reader.position)
                    bar.note(f"{count:,} sentences")
                yield sentence

        found = suggest(tagger, sentences(), number, known=known, seed=seed)
    if not found.chosen:
        got = f"{found.counts.known:,} sentences, all of them known" if found.counts.sentences else "no sentence"
        raise DataError(f"got {got}; expected some that are not labelled yet", reader.path)
    return found


def write_tasks(chosen: Iterable[Suggestion], out: Path, format: str) -> None:
    """Write sentences to label, with predicted entities and what they are worth.

    Raises:
        DataError: the format cannot hold one of them; nothing is written.
        OutputError: the file cannot be written.
    """
    tasks, form = list(chosen), formats[format]
    sentences = [task.sentence for task in tasks]
    options = WriteOptions(predicted=True, meta=[task.meta for task in tasks])
    if "headers" in form.holds:
        marks = ["\t".join(f"{name}={value:.6f}" for name, value in task.meta.items()) for task in tasks]
        pairs = enumerate(zip(sentences, marks, strict=True), 1)
        sentences = [marked(sentence, mark, number) for number, (sentence, mark) in pairs]
    for task, sentence in zip(tasks, sentences, strict=True):
        if (reason := form.unfit(sentence, labelled=True, options=options)) is not None:
            place = f"the sentence at {task.sentence.line} of the input"
            raise DataError(f"{place} cannot be written as {format}: {reason}. Fix: write jsonl", out)
    form.write(sentences, out, options)
