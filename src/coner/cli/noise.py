"""``coner data noise``: a copy of a file with keyboard typos."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from coner.cli.options import Comment, HiddenFormat, InputFormat, JsonOutput, Scheme

if TYPE_CHECKING:
    from coner.data.noisy_file import NoiseCounts


def noise(
    file: Annotated[Path, typer.Argument(help="CoNLL or JSONL, also .gz.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The noisy copy, in the same format.")],
    rate: Annotated[float, typer.Option(help="Fraction of the sentences that get typos, from 0 to 1.")] = 0.3,
    where: Annotated[
        Literal["context", "mentions", "both"], typer.Option(help="Typos in mentions, in the other words, or in both.")
    ] = "both",
    words: Annotated[
        float, typer.Option(help="Noisy words in such a sentence: a fraction below 1, or N for one to N words.")
    ] = 2,
    layout: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="Keyboard: qwerty, qwertz, azerty, or a TOML file.")
    ] = "qwerty",
    seed: Annotated[int, typer.Option(help="The same seed gives the same noise on any machine.")] = 1,
    scheme: Scheme = "iob2",
    from_format: InputFormat = "auto",
    from_alias: HiddenFormat = None,
    comment: Comment = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Count faults that can be repaired, and keep them in the copy.")
    ] = False,
    as_json: JsonOutput = False,
) -> None:
    """Copy a file with keyboard typos in some words; everything else stays the same, byte for byte.

    Examples:

      coner data noise dev.conll -o dev.noisy.conll

      coner data noise train.conll -o noisy.conll --rate 0.5 --where context --words 0.2 --layout qwertz
    """
    from coner.core.files import sha256
    from coner.core.progress import stderr
    from coner.data.keyboard import load_keyboard
    from coner.data.noise import Noise
    from coner.data.noisy_file import write_noisy

    typos = Noise(load_keyboard(layout), rate=rate, where=where, words=words, seed=seed)
    format = from_alias or from_format
    counts = write_noisy(file, out, typos, format=format, scheme=scheme, comment=comment, repair=repair)
    if counts.repaired or counts.skipped:
        stderr.print(f"{counts.repaired} faults to repair and {counts.skipped} to skip are in the copy too")
    if as_json:
        settings = {"rate": rate, "where": where, "words_a_sentence": words, "layout": layout, "seed": seed}
        values = {"source": str(file), "file": str(out), "sha256": sha256(out), **settings, **asdict(counts)}
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        typer.echo(f"{out}  {_describe(counts)}")


def _describe(counts: NoiseCounts) -> str:
    types = ", ".join(f"{count:,} {type}" for type, count in counts.kinds.items())
    inside = "" if counts.in_mentions is None else f", {counts.in_mentions:,} of them in mentions"
    spared = f"; {counts.spared:,} more have no word for it" if counts.spared else ""
    words = f"{sum(counts.kinds.values()):,} of {counts.words:,} words"
    return f"{counts.noisy:,} of {counts.sentences:,} sentences noisy, {words}{inside} ({types}){spared}"
