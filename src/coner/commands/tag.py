"""``coner tag``: a model at work on files, or on standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

if TYPE_CHECKING:
    from coner.data import ConllFormat, Kind, Reader
    from coner.taggers import Tagger
    from coner.tags import Scheme
    from coner.types import Sentence

Form = Literal["conll", "jsonl", "task"]
To = Literal["auto", Form]
CHUNK = 4096  # sentences in memory at a time


def tag(
    model: Annotated[Path, typer.Argument(help="Folder of a trained model.")],
    source: Annotated[str, typer.Argument(metavar="INPUT", help="CoNLL, JSONL or plain text, also .gz; - is stdin.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Where to write; - is stdout.")] = "-",
    to: Annotated[
        To,
        typer.Option(
            "--format",
            help="What to write. task: the shared task's submission, a tag a line. auto: by the name of the output, "
            "else CoNLL for CoNLL and JSONL for the rest.",
        ),
    ] = "auto",
    kind: Annotated[
        Literal["auto", "conll", "jsonl", "text"],
        typer.Option("--from", help="What the input is; auto: by its name, then its content."),
    ] = "auto",
    write: Annotated[Literal["iob2", "bioes"], typer.Option("--tags", help="How to write mentions in CoNLL.")] = "iob2",
    scheme: Annotated[
        Literal["iob2", "iob1", "bioes"], typer.Option(help="How mentions are written in the input, if it has any.")
    ] = "iob2",
    comment: Annotated[
        str | None, typer.Option(metavar="MARK", help="Lines of the input that begin with it are headers too.")
    ] = None,
    repair: Annotated[bool, typer.Option(help="Mend what can be mended in the input, and count it.")] = False,
) -> None:
    """Find the entities of every sentence; order, ids and other columns are kept.

    Examples:

      coner tag runs/paper input.conll -o output.conll

      echo 'she moved from são paulo to basel' | coner tag runs/paper - --from text
    """
    from coner.data import detect, stream
    from coner.files import atomic_write
    from coner.taggers import load

    if source == "-" and kind == "auto":
        kind = "text"
    known: Kind = detect(source) if kind == "auto" else kind
    form = _output_form(to, out, known)
    reader = stream(source, scheme=scheme, comment=comment, repair=repair, format=known)
    tagger = load(model)
    target: AbstractContextManager[TextIO] = nullcontext(sys.stdout) if out == "-" else atomic_write(out)
    with target as handle:
        _write(form, _tagged(tagger, reader), handle, look=lambda: reader.format, scheme=write)


def _output_form(to: To, out: str, known: Kind) -> Form:
    from coner.data import kind_of_name

    if to != "auto":
        return to
    return "conll" if (kind_of_name(out) or known) == "conll" else "jsonl"


def _tagged(tagger: Tagger, reader: Reader) -> Iterator[Sentence]:
    """The reader's sentences with predicted entities, in order, in constant memory; at the end, what was mended."""
    from coner.progress import bar, stderr

    sentences = entities = 0
    source = iter(reader)
    with bar("tagging", None) as shown:
        while chunk := list(islice(source, CHUNK)):
            for sentence, found in zip(chunk, tagger.tag(chunk), strict=True):
                yield replace(sentence, entities=tuple(found))
                entities += len(found)
            sentences += len(chunk)
            shown.advance(len(chunk))
    told = [f"{sentences} sentences", f"{entities} entities"]
    mended = {"repaired in the input": reader.repaired, "left out": reader.skipped, "tags repaired": tagger.repaired}
    told += [f"{count} {what}" for what, count in mended.items() if count]
    stderr.print(", ".join(told))


def _write(
    form: Form, sentences: Iterable[Sentence], handle: TextIO, *, look: Callable[[], ConllFormat | None], scheme: Scheme
) -> None:
    from coner.data import ConllFormat, write_conll
    from coner.data.jsonl import write_jsonl
    from coner.tags import tags_from_entities

    if form == "conll":
        write_conll(sentences, handle, lambda: look() or ConllFormat(), scheme)
    elif form == "jsonl":
        write_jsonl(sentences, handle)
    else:  # the shared task's submission: only the tags, an empty line between sentences
        for sentence in sentences:
            tags = tags_from_entities(sentence.entities or (), len(sentence), scheme)
            handle.write("\n".join(tags) + "\n\n")
