"""``coner pretrain``: continue the pre-training of an encoder on your own text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coner.cli.options import InputFormat, Overwrite, reads
from coner.core.counted import counted
from coner.data.reading.reader import Reading

if TYPE_CHECKING:
    from coner.core.types import Sentence


@reads
def pretrain(
    files: Annotated[list[Path], typer.Argument(help="Text, or any other format; labels are ignored.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder of the new encoder.")],
    encoder: Annotated[
        str, typer.Option(metavar="NAME", help="Short name of a packaged model, a hub name, or a local folder.")
    ] = "minilm",
    leave_out: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Leave out sentences that are in this file, by text (dev, test); can be repeated."
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the text.")] = 3,
    batch: Annotated[int, typer.Option(help="Sentences per step.")] = 32,
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 1e-4,
    share: Annotated[float, typer.Option(help="Fraction of the words that are masked.")] = 0.15,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the training.")] = 42,
    from_format: InputFormat = "auto",
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; losses in nats.")] = False,
    reading: Reading,
) -> None:
    """Continue the pre-training of an encoder on your own text, without labels, by masked language modelling.

    The result is a folder to fine-tune (encoder.name). It helps most if the text is unlike that of the encoder, or if
    the encoder was tuned for sentence embeddings, as the packaged ones are. Duplicate texts, ignoring case and white
    space, are used once.

    Progress is saved: run the same command again to resume.

    Examples:

      coner pretrain train.conll more.txt --leave-out dev.conll --leave-out test.conll --out runs/encoder

      coner train train.conll --dev dev.conll --encoder runs/encoder --out runs/first
    """
    from coner.core.errors import requires_extra
    from coner.core.progress import stderr
    from coner.data.extra import read_unlabelled

    with requires_extra("coner pretrain", "encoder"):
        from coner.families.encoder.pretrain.run import PretrainOptions
        from coner.families.encoder.pretrain.run import pretrain as run
    asked = PretrainOptions(encoder=encoder, epochs=epochs, batch=batch, rate=rate, share=share, seed=seed)
    sentences: list[Sentence] = []
    for corpus, left_out in read_unlabelled(files, leave_out or (), format=from_format, **reading):
        without = f", {left_out:,} left out" if leave_out else ""
        stderr.print(f"{corpus.path}: {counted(len(corpus), 'sentence')}{without}{corpus.faults}")
        sentences.extend(corpus)
    report = run(asked, sentences, out, overwrite=overwrite)
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        best = next(entry for entry in report["history"] if entry["epoch"] == report["best_epoch"])
        loss = f"loss of masked pieces in held-out text: {best['dev_loss']:.3f} nats"
        typer.echo(f"{out}: epoch {report['best_epoch']} of {report['epochs']}, {loss}")
