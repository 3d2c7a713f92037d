"""``coner data augment``: copies of training sentences with replaced mentions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from coner.cli.options import FormatToSplit, InputFormat, JsonOutput, reads
from coner.cli.outcome import report_corpus
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
    from coner.data.derived import augment_file

    how: Any = {"format": from_format, "to": to, **reading}
    corpus, made = augment_file(file, out, copies=copies, share=share, seed=seed, **how)
    report_corpus(corpus, file)
    unchanged = copies * len(corpus) - made.sentences
    if as_json:
        counts = {"sentences": made.sentences, "unchanged": unchanged, "sha256": made.sha256}
        typer.echo(json.dumps({"source": str(file), "file": str(out), "seed": seed, **counts}))
    else:
        left_out = f"; {counted(unchanged, 'copy', 'copies')} without a replaced mention left out" if unchanged else ""
        typer.echo(f"{out}  {counted(made.sentences, 'sentence')}{left_out}")
