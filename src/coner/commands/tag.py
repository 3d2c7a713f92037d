"""``coner tag``: a model at work on files, or on standard input."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TextIO

import typer

from coner.commands.model import model as model_folder
from coner.commands.options import InputRepair, InputScheme
from coner.commands.spending import INCOMPLETE, Cost, LedgerFile, Tokens, check_cost, tell

if TYPE_CHECKING:
    from coner.data import ConllFormat, Kind, Reader
    from coner.resume import Work
    from coner.taggers import Tagger
    from coner.tags import Scheme
    from coner.types import Sentence

Form = Literal["conll", "jsonl", "task"]
To = Literal["auto", Form]


class Reading(NamedTuple):
    """How the input is read."""

    kind: Kind | Literal["auto"]
    scheme: Literal["iob2", "iob1", "bioes"]
    comment: str | None
    repair: bool


class Bounds(NamedTuple):
    """How much is tagged, and what a language model may spend on it."""

    limit: int | None = None
    tokens: int | None = None
    cost: float | None = None
    ledger: Path | None = None


def tag(
    model: Annotated[
        Path, typer.Argument(parser=model_folder, metavar="MODEL", help="Folder of a trained model, or hf://user/name.")
    ],
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="CoNLL, JSONL, text (also .gz), or what coner convert reads; - is stdin. Several files (CoNLL, JSONL, "
            "Parquet) go to a folder.",
        ),
    ],
    out: Annotated[
        str,
        typer.Option("--out", "-o", help="Where to write: a file, or a folder, which ends in /; - is stdout."),
    ] = "-",
    to: Annotated[
        To,
        typer.Option(
            "--format",
            help="What to write. task: the shared task's submission, a tag a line. auto: by the name of the output, "
            "else CoNLL for CoNLL and JSONL for the rest.",
        ),
    ] = "auto",
    kind: Annotated[
        Literal["auto", "conll", "jsonl", "text", "brat", "labelstudio", "spacy", "datasets"],
        typer.Option("--from", help="What the input is; auto: by its name, then its content."),
    ] = "auto",
    write: Annotated[Literal["iob2", "bioes"], typer.Option("--tags", help="How to write mentions in CoNLL.")] = "iob2",
    scheme: InputScheme = "iob2",
    comment: Annotated[
        str | None, typer.Option(metavar="MARK", help="Lines of the input that begin with it are headers too.")
    ] = None,
    repair: InputRepair = False,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="Who tags into a folder: this process, or workers of a Ray cluster.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(envvar="RAY_ADDRESS", help="Of a Ray cluster that runs; without it one of this machine alone."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With ray: how many; as many as there are cores for, if not said.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N sentences.")] = None,
    budget_tokens: Tokens = None,
    budget_cost: Cost = None,
    ledger: LedgerFile = None,
) -> None:
    """Find the entities of every sentence; order, ids and other columns are kept.

    From file to file it may be stopped at any time, even by a crash: the same command goes on.

    A language model may owe an answer, as when its budget is spent: such sentences are written without labels (`_` in
    CoNLL), and the exit code is 3. The same command asks for them alone; its ledger gives the others.

    Examples:

      coner tag runs/paper input.conll -o output.conll

      coner tag runs/paper corpus/*.parquet -o tagged/ --engine ray

      coner tag runs/llm input.conll -o output.conll --limit 200 --budget-tokens 500000

      echo 'she moved from são paulo to basel' | coner tag runs/paper - --from text

      coner tag hf://user/name@v1 input.conll -o output.conll
    """
    from coner.commands.tag_folder import engine_of, goes_into_folder, tag_folder
    from coner.errors import ConfigError, OutputError

    reading = Reading(kind, scheme, comment, repair)
    bounds = Bounds(limit, budget_tokens, budget_cost, ledger)
    if not goes_into_folder(sources, out, engine):
        if workers:
            raise OutputError("--workers: is of --engine ray; leave it out, or name that engine")
        _tag_file(model, sources[0], out, to=to, write=write, reading=reading, bounds=bounds)
        return
    if bounds != Bounds():
        raise ConfigError("--limit, --budget-tokens, --budget-cost, --ledger: are of a single file; leave them out")
    from coner.report.machine import versions
    from coner.scale.slices import Job

    if to != "auto":
        raise OutputError(f"--format {to}: files of a folder keep the form of their inputs; leave it out")
    job = Job(
        model=str(model.resolve()),
        kind=kind,
        scheme=scheme,
        write=write,
        comment=comment,
        repair=repair,
        version=versions().get("coner", ""),
    )
    tag_folder(sources, out, job, engine_of(engine, address=address, workers=workers))


def _tag_file(model: Path, source: str, out: str, *, to: To, write: Scheme, reading: Reading, bounds: Bounds) -> None:
    from coner.data import detect, stream
    from coner.progress import stderr
    from coner.taggers import load
    from coner.taggers.asking import Asking, account, allow
    from coner.taggers.chunks import CHUNK

    check_cost(bounds.cost)
    kind, scheme, comment, repair = reading
    if source == "-" and kind == "auto":
        kind = "text"
    known: Kind = detect(source) if kind == "auto" else kind
    form = _output_form(to, out, known)
    reader = stream(source, scheme=scheme, comment=comment, repair=repair, format=known)
    tagger = load(model)
    allow(tagger, tokens=bounds.tokens, cost=bounds.cost, ledger=bounds.ledger)
    options = [form, known, write, scheme, comment, repair, CHUNK, bounds.limit]
    with _work(model, source, out, options) as work:
        if work.differs:
            stderr.print(f"starting anew: what was kept has another {' and another '.join(work.differs)}")
        counts = Counter(work.counts)
        before = counts["sentences"]
        tagged = _tagged(tagger, reader, work, counts, bounds.limit)
        _write(form, tagged, work.handle, look=lambda: reader.format, scheme=write, written=before)
    told = [f"{counts['sentences']} sentences", f"{counts['entities']} entities"]
    mended = {"repaired in the input": reader.repaired, "left out": reader.skipped, "tags repaired": counts["repaired"]}
    if isinstance(tagger, Asking):
        mended[f"{tagger.unit}s without an answer"] = counts["lacking"]
    told += [f"{count} {what}" for what, count in mended.items() if count]
    stderr.print(", ".join(told))
    tell(tagger, account(tagger), counts["sentences"])
    if counts["lacking"]:  # also before an earlier start was stopped
        raise typer.Exit(INCOMPLETE)


def _output_form(to: To, out: str, known: Kind) -> Form:
    from coner.data import kind_of_name

    if to != "auto":
        return to
    return "conll" if (kind_of_name(out) or known) == "conll" else "jsonl"


def _work(model: Path, source: str, out: str, options: list[Any]) -> AbstractContextManager[Work]:
    """The output. Only from file to file can it be gone on with: a pipe does not come again."""
    from coner.files import sha256
    from coner.report.machine import versions
    from coner.resume import Work, fingerprint, fleeting, resumable
    from coner.taggers.folder import CARD

    if out == "-":
        return nullcontext(Work(sys.stdout))
    if source == "-" or not Path(source).is_file() or options[1] == "brat":  # which is more than one file
        return fleeting(out)
    belongs = {
        "input": fingerprint(source),
        "model": sha256(model / CARD),  # which has the hashes of the weights in it
        "set of options": options,
        "version of coner": versions().get("coner"),
    }
    return resumable(out, belongs)


def _tagged(tagger: Tagger, reader: Reader, work: Work, counts: Counter[str], limit: int | None) -> Iterator[Sentence]:
    """The reader's sentences with predicted entities, in order and in constant memory, less those done before.

    What has no answer has no labels either.

    ``counts`` grows with them, and is kept after each chunk.
    """
    from coner.progress import Share, bar, stderr
    from coner.taggers.asking import account, answers, check_answered
    from coner.taggers.chunks import chunks

    file = Path(str(reader.path))
    known = reader.path != "-" and file.is_file()
    size = file.stat().st_size if known else None  # progress by bytes: nothing else is known beforehand
    source, done = islice(reader, limit), counts["sentences"]
    if done:
        stderr.print(f"going on after {done:,} sentences")
        for _ in islice(source, done):
            pass
    with bar("tagging", size, done=reader.position, amount=Share) as shown:
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
            work.keep(counts)  # whoever asks for the next sentence has written this one
            shown.note(f"{counts['sentences']:,} sentences")
            shown.reach(read)


def _write(
    form: Form,
    sentences: Iterable[Sentence],
    handle: TextIO,
    *,
    look: Callable[[], ConllFormat | None],
    scheme: Scheme,
    written: int,
) -> None:
    from coner.data import ConllFormat, write_conll
    from coner.data.jsonl import write_jsonl
    from coner.data.layout import FILLER
    from coner.tags import tags_from_entities

    if form == "conll":
        write_conll(sentences, handle, lambda: look() or ConllFormat(), scheme, written=written)
    elif form == "jsonl":
        write_jsonl(sentences, handle)
    else:  # the shared task's submission: only the tags, an empty line between sentences
        for sentence in sentences:
            found = sentence.entities
            tags = [FILLER] * len(sentence) if found is None else tags_from_entities(found, len(sentence), scheme)
            handle.write("\n".join(tags) + "\n\n")
