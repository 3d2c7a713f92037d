"""Tag one file, or standard input, in constant memory; from file to file it can be resumed after a stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from coner.core.errors import OutputError
from coner.core.progress import progress_bar, stderr
from coner.core.resume import Output, file_stamp, plain_output, resumable_output
from coner.core.terminal import data_stream
from coner.core.types import Sentence
from coner.data import Reader, detect, format_of_name
from coner.data.files import keep_apart
from coner.data.formats import WriteOptions, all_formats, formats, suffix
from coner.families.tagger import Prediction, Tagger
from coner.families.usage import Spending
from coner.tagging.job import TaggingJob
from coner.tagging.stream import BATCH_WORDS, Tally, tag_corpus

STDIO = "-"  # standard input or output


@dataclass(frozen=True)
class TaggedFile:
    """The result of tagging a file."""

    tagger: Tagger
    reader: Reader  # of the input, with the counts of its faults
    tally: Tally  # counts over all sentences, those of earlier starts included


def tag_file(
    job: TaggingJob,
    source: str,
    out: str,
    *,
    to: str = "auto",
    limit: int | None = None,
    spending: Spending | None = None,
) -> TaggedFile:
    """Tag a file; sentences without an answer are written without labels.

    Args:
        source, out: files; ``-`` is standard input or output.
        to: format of the output; ``auto``: by its name, else CoNLL for CoNLL and JSONL for all others.
        limit: number of sentences to tag; ``None``: all.
        spending: limits for a language model; ``ConfigError`` for others.

    Raises:
        DataError: the input is faulty.
        OutputError: the output cannot be written.
        Unanswered: no sentence has an answer.
    """
    from_format = "text" if source == STDIO and job.format == "auto" else job.format
    if out != STDIO:
        keep_apart(source, Path(out))
    read_as = detect(source) if from_format == "auto" else from_format
    to_format = _output_format(to, out, read_as)
    reader = job.reader(source, read_as)
    check_links(job, to_format, out)
    tagger = job.load()
    tagger.limit(spending or Spending())
    tagger.check_endpoint()
    options = [to_format, read_as, job.write, dict(job.reading), BATCH_WORDS, limit, bool(job.options.get("link"))]
    with _output(job, source, out, options) as output:
        if output.changed:
            stderr.print(f"starting again: saved progress belongs to another {' and another '.join(output.changed)}")
        tally = Tally.resumed(output.counts)
        written = tally.sentences
        if written:
            stderr.print(f"resuming after {written:,} sentences")

        def write(predictions: Iterator[Prediction]) -> None:
            layout = WriteOptions(lambda: reader.layout, job.write, written, tagger.taxonomy.coarse_by_fine)
            formats[to_format].write_text(map(labelled, predictions), output.handle, layout)

        # Progress in bytes, because the number of sentences is not known before all are read.
        size = Path(source).stat().st_size if source != STDIO and Path(source).is_file() else None
        with progress_bar("tagging", size, done=reader.position, percent=True) as bar:

            def commit(tally: Tally) -> None:
                output.commit(tally.counts())
                bar.note(f"{tally.sentences:,} sentences")
                bar.advance_to(reader.position)

            tag_corpus(tagger, islice(reader, limit), write, tally=tally, skip=written, after_batch=commit)
    return TaggedFile(tagger, reader, tally)


def labelled(prediction: Prediction) -> Sentence:
    """The sentence with the predicted entities in place of its own."""
    return replace(prediction.sentence, entities=prediction.entities)


def _output_format(to: str, out: str, read_as: str) -> str:
    if to != "auto":
        if not formats[to].appends:
            choices = ", ".join(format.name for format in all_formats() if format.appends)
            message = "which is not written sentence by sentence; expected one of"
            raise OutputError(f"--to: got {to!r}, {message}: {choices}")
        return to
    by_name = format_of_name(out)
    if by_name is not None and formats[by_name].appends:
        return by_name
    if by_name == "datasets":
        raise OutputError(f"{out}: Parquet is only written into a folder. Fix: -o FOLDER/, or -o NAME.jsonl")
    if named := [format.title for format in all_formats() if suffix(out) in (*format.suffixes, *format.input_suffixes)]:
        title = named[0]
        raise OutputError(f"{out}: {title} is not written sentence by sentence. Fix: -o NAME.jsonl, then coner convert")
    return "conll" if read_as == "conll" else "jsonl"


def check_links(job: TaggingJob, format: str, out: str) -> None:
    """``OutputError`` if entities are linked and the format of the output has no place for ids."""
    if job.options.get("link") and "links" not in formats[format].holds:
        choices = ", ".join(format.name for format in all_formats() if format.appends and "links" in format.holds)
        raise OutputError(f"{out}: --link: got the format {format}, which has no place for ids; expected {choices}")


def _output(job: TaggingJob, source: str, out: str, options: list[Any]) -> AbstractContextManager[Output]:
    """The output; it can be resumed only from file to file, because a pipe cannot be read twice."""
    if out == STDIO:
        if (stream := data_stream()) is None:
            raise OutputError("standard output is closed. Fix: name a file with -o")
        return nullcontext(Output(stream))
    if source == STDIO or not Path(source).is_file() or len(formats[options[1]].files(Path(source))) > 1:
        return plain_output(out)
    depends_on = {
        "input": file_stamp(source),
        **job.stamps(),
        "set of options": options,
        "version of coner": job.version,
    }
    return resumable_output(out, depends_on)
