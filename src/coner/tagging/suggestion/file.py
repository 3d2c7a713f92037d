"""Suggest sentences of a file, and write them as tasks for annotators."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from coner.core.errors import DataError
from coner.core.progress import progress_bar
from coner.core.types import Sentence
from coner.data import Reader
from coner.data.formats import WriteOptions, formats
from coner.families.tagger import Tagger
from coner.tagging.distil import marked
from coner.tagging.suggestion.suggest import Suggestion, Suggestions, suggest

PROGRESS_INTERVAL = 100  # sentences after which the progress bar moves


def suggest_from(
    tagger: Tagger, reader: Reader, number: int, *, known: Iterable[Sentence] = (), seed: int = 42
) -> Suggestions:
    """``suggest`` with a progress bar; ``DataError`` if there is nothing to suggest."""
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
