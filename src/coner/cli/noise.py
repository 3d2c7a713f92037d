"""``coner data noise``: a copy of a file with keyboard typos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from coner.cli.data import CommentOption, JsonOption, SchemeOption

if TYPE_CHECKING:
    from coner.data.noisy_file import Tally


def noise(
    file: Annotated[Path, typer.Argument(help="CoNLL or JSONL, also .gz.")],
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The noisy copy, in the same format.")],
    rate: Annotated[float, typer.Option(help="Share of the sentences that get typos, from 0 to 1.")] = 0.3,
    where: Annotated[
        Literal["context", "mentions", "both"], typer.Option(help="In words of mentions, in the other words, or both.")
    ] = "both",
    words: Annotated[
        float,
        typer.Option(help="Noisy words of such a sentence: a share below 1, or N: from one to N."),
    ] = 2,
    layout: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="Keyboard: qwerty, qwertz, azerty, or a TOML file.")
    ] = "qwerty",
    seed: Annotated[int, typer.Option(help="Another seed is other noise; the same one is the same anywhere.")] = 1,
    scheme: SchemeOption = "iob2",
    kind: Annotated[
        Literal["auto", "conll", "jsonl"], typer.Option("--format", help="auto: by the name, then the content.")
    ] = "auto",
    comment: CommentOption = None,
    repair: Annotated[
        bool, typer.Option(help="Go on at faults that could be mended, and count them; the copy keeps them.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Copy a file with keyboard typos in some words; tags, ids, the number of words and all the rest stay, to the byte.

    Examples:

      coner data noise dev.conll -o dev.noisy.conll

      coner data noise train.conll -o noisy.conll --rate 0.5 --where context --words 0.2 --layout qwertz
    """
    from coner.core.files import sha256
    from coner.core.progress import stderr
    from coner.data.keyboard import load_keyboard
    from coner.data.noise import Noise
    from coner.data.noisy_file import write_noisy

    made = Noise(load_keyboard(layout), rate=rate, where=where, words=words, seed=seed)
    format = None if kind == "auto" else kind
    tally = write_noisy(file, out, made, scheme=scheme, format=format, comment=comment, repair=repair)
    if tally.repaired or tally.skipped:
        message = f"{tally.repaired} faults that could be mended, {tally.skipped} left out: the copy keeps them"
        stderr.print(message)
    if as_json:
        asked = {"rate": rate, "where": where, "words_a_sentence": words, "layout": layout, "seed": seed}
        values = {"source": str(file), "file": str(out), "sha256": sha256(out), **asked, **tally.as_dict()}
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        typer.echo(f"{out}  {describe(tally)}")


def describe(tally: Tally) -> str:
    """What was done, in one line."""
    words = sum(tally.kinds.values())
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in tally.as_dict()["kinds"].items())
    inside = "" if tally.in_mentions is None else f", {tally.in_mentions:,} of them in mentions"
    spared = f"; {tally.spared:,} more have no word for it" if tally.spared else ""
    return (
        f"{tally.noisy:,} of {tally.sentences:,} sentences noisy, {words:,} of {tally.words:,} words{inside} "
        f"({kinds}){spared}"
    )
