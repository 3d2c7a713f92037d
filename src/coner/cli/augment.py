"""``coner data augment``: copies of training sentences with replaced mentions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from coner.cli.options import FormatToSplit, InputFormat, JsonOutput, reads
from coner.core.counted import counted
from coner.data.reading.reader import Reading


@reads
def augment(
    file: Annotated[Path, typer.Argument(help="Labelled sentences of any format.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="File for the copies.")],
    copies: Annotated[int, typer.Option(help="Copies of each sentence.")] = 1,
    share: Annotated[float, typer.Option(help="Fraction of the mentions that are replaced, up to 1.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same copies on any machine.")] = 1,
    from_format: InputFormat = "auto",
    to: Annotated[FormatToSplit, typer.Option("--to", help="Format; auto: CoNLL for CoNLL, else JSONL.")] = "auto",
    as_json: JsonOutput = False,
    reading: Reading,
) -> None:
    """Copy sentences with their mentions replaced by other mentions of the same label in the file.

    Use it for train only. The copies go beside the originals in training: data.extra = [{file = "more.conll"}].

    Examples:

      coner data augment train.conll -o more.conll

      coner data augment train.conll -o more.conll --copies 2 --share 0.5
    """
    from coner.core.errors import ConerError, DataError
    from coner.core.files import atomic_write, sha256
    from coner.core.progress import stderr
    from coner.data import read
    from coner.data.augment import augment
    from coner.data.files import keep_apart
    from coner.data.formats import WriteOptions, formats

    keep_apart(file, out)
    corpus = read(file, format=from_format, **reading)
    try:
        made = list(augment(corpus.sentences, copies=copies, share=share, seed=seed))
    except ConerError as error:
        raise DataError(str(error), file) from None
    for line in corpus.notes:
        stderr.print(f"{file}: {line}")
    if corpus.faults:
        stderr.print(f"{file}: {corpus.repaired} repaired, {corpus.skipped} left out")
    name = to if to != "auto" else "conll" if corpus.layout else "jsonl"
    with atomic_write(out) as handle:
        formats[name].write_text(made, handle, WriteOptions(corpus.layout, corpus.scheme))
    unchanged = copies * len(corpus) - len(made)
    counts = {"sentences": len(made), "unchanged": unchanged, "sha256": sha256(out)}
    if as_json:
        typer.echo(json.dumps({"source": str(file), "file": str(out), "seed": seed, **counts}))
    else:
        left_out = f"; {counted(unchanged, 'copy', 'copies')} without a replaced mention left out" if unchanged else ""
        typer.echo(f"{out}  {counted(len(made), 'sentence')}{left_out}")
