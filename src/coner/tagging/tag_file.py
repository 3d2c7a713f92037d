"""``coner tag`` of one file, or of standard input: in constant memory, and to be gone on with after a stop."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TextIO

import typer

from coner.cli.spending import INCOMPLETE, check_cost, tell
from coner.core.errors import OutputError

if TYPE_CHECKING:
    from coner.core.resume import Output
    from coner.core.tags import Scheme
    from coner.core.types import Sentence
    from coner.data import ConllLayout, Reader
    from coner.families.tagger import Tagger

Form = Literal["conll", "jsonl", "task"]
To = Literal["auto", Form]


class Reading(NamedTuple):
    """How the input is read."""

    kind: str
    scheme: Literal["iob2", "iob1", "bioes"]
    comment: str | None
    repair: bool


class Bounds(NamedTuple):
    """How much is tagged, and what a language model may spend on it."""

    limit: int | None = None
    tokens: int | None = None
    cost: float | None = None
    ledger: Path | None = None


def tag_file(model: Path, source: str, out: str, *, to: To, write: Scheme, reading: Reading, bounds: Bounds) -> None:
    """Tag a file, and say how much there was.

    Args:
        model: its folder.
        source, out: places; ``-`` is standard input or output.
        to: form of the output.
        write: scheme of the tags in it.
        reading, bounds: what else the command line says.

    Raises:
        typer.Exit: with 3, where a language model owes an answer.
        ConfigError, DataError, ModelError, OutputError: as ``coner tag`` tells them.
    """
    from coner.core.progress import stderr
    from coner.data import detect, stream
    from coner.data.files import keep_apart
    from coner.families import load
    from coner.families.asking import Asking, account, allow
    from coner.families.chunks import CHUNK

    check_cost(bounds.cost)
    kind, scheme, comment, repair = reading
    if source == "-" and kind == "auto":
        kind = "text"
    if out != "-":
        keep_apart(source, Path(out))
    known: str = detect(source) if kind == "auto" else kind
    form = _output_form(to, out, known)
    reader = stream(source, scheme=scheme, comment=comment, repair=repair, format=known)
    tagger = load(model)
    allow(tagger, tokens=bounds.tokens, cost=bounds.cost, ledger=bounds.ledger)
    options = [form, known, write, scheme, comment, repair, CHUNK, bounds.limit]
    with _work(model, source, out, options) as work:
        if work.changed:
            stderr.print(f"starting anew: what was kept has another {' and another '.join(work.changed)}")
        counts = Counter(work.counts)
        before = counts["sentences"]
        tagged = _tagged(tagger, reader, work, counts, bounds.limit)
        _write(form, tagged, work.handle, look=lambda: reader.layout, scheme=write, written=before)
    told = [f"{counts['sentences']} sentences", f"{counts['entities']} entities"]
    mended = {"repaired in the input": reader.repaired, "left out": reader.skipped, "tags repaired": counts["repaired"]}
    if isinstance(tagger, Asking):
        mended[f"{tagger.unit}s without an answer"] = counts["lacking"]
    told += [f"{count} {what}" for what, count in mended.items() if count]
    stderr.print(", ".join(told) + (f" ({tagger.computes})" if tagger.computes else ""))
    tell(tagger, account(tagger), counts["sentences"])
    if counts["lacking"]:  # also before an earlier start was stopped
        raise typer.Exit(INCOMPLETE)


def _output_form(to: To, out: str, known: str) -> Form:
    from coner.data import format_of_name

    if to != "auto":
        return to
    return "conll" if (format_of_name(out) or known) == "conll" else "jsonl"


def _work(model: Path, source: str, out: str, options: list[Any]) -> AbstractContextManager[Output]:
    """The output. Only from file to file can it be gone on with: a pipe does not come again."""
    from coner.core.files import sha256
    from coner.core.resume import Output, file_stamp, plain_output, resumable_output
    from coner.families.manifest import CARD
    from coner.records.machine import versions

    if out == "-":
        if sys.stdout is None:
            raise OutputError("standard output is closed; name a file with -o")
        return nullcontext(Output(sys.stdout))
    if source == "-" or not Path(source).is_file() or options[1] == "brat":  # which is more than one file
        return plain_output(out)
    belongs = {
        "input": file_stamp(source),
        "model": sha256(model / CARD),  # which has the hashes of the weights in it
        "set of options": options,
        "version of coner": versions().get("coner"),
    }
    return resumable_output(out, belongs)


def _tagged(
    tagger: Tagger, reader: Reader, work: Output, counts: Counter[str], limit: int | None
) -> Iterator[Sentence]:
    """The reader's sentences with predicted entities, in order and in constant memory, less those done before.

    What has no answer has no labels either.

    ``counts`` grows with them, and is kept after each chunk.
    """
    from coner.core.progress import progress_bar, stderr
    from coner.families.asking import account, answers, check_answered
    from coner.families.chunks import chunks

    file = Path(str(reader.path))
    known = reader.path != "-" and file.is_file()
    size = file.stat().st_size if known else None  # progress by bytes: nothing else is known beforehand
    source, done = islice(reader, limit), counts["sentences"]
    if done:
        stderr.print(f"going on after {done:,} sentences")
        for _ in islice(source, done):
            pass
    with progress_bar("tagging", size, done=reader.position, percent=True) as shown:
        for chunk in chunks(tagger, source):
            read, repaired, before = reader.position, tagger.repaired, account(tagger)
            given = list(answers(tagger, chunk))
            answered = counts["sentences"] - counts["unanswered"] + sum(found is not None for found in given)
            asked = account(tagger)
            check_answered(asked, answered)
            for sentence, found in zip(chunk, given, strict=True):
                yield replace(sentence, entities=None if found is None else tuple(found))
                counts["entities"] += len(found or ())
                counts["unanswered"] += found is None
            counts["sentences"] += len(chunk)
            counts["repaired"] += tagger.repaired - repaired
            counts["lacking"] += asked.since(before).failures.total()
            work.commit(counts)  # whoever asks for the next sentence has written this one
            shown.note(f"{counts['sentences']:,} sentences")
            shown.advance_to(read)


def _write(
    form: Form,
    sentences: Iterable[Sentence],
    handle: TextIO,
    *,
    look: Callable[[], ConllLayout | None],
    scheme: Scheme,
    written: int,
) -> None:
    from coner.core.tags import tags_from_entities
    from coner.data import ConllLayout, write_conll
    from coner.data.formats.conll import check_labels
    from coner.data.formats.jsonl import write_jsonl
    from coner.data.reading.layout import FILLER

    if form == "conll":
        write_conll(sentences, handle, lambda: look() or ConllLayout(), scheme, written=written)
    elif form == "jsonl":
        write_jsonl(sentences, handle)
    else:  # the shared task's submission: only the tags, an empty line between sentences
        for sentence in sentences:
            check_labels(sentence)
            found = sentence.entities
            tags = [FILLER] * len(sentence) if found is None else tags_from_entities(found, len(sentence), scheme)
            handle.write("\n".join(tags) + "\n\n")
