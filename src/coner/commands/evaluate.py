"""``coner evaluate``: a gold file against predictions, or against a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from coner.commands.model import model as model_folder
from coner.commands.noise_cost import noise_cost, noisy_copy, show_cost

if TYPE_CHECKING:
    from coner.data import Corpus
    from coner.data.taxonomy import Taxonomy
    from coner.evaluation.errors import Errors
    from coner.evaluation.results import Result, Scores
    from coner.taggers import Tagger
    from coner.types import Entity, Sentence

CHUNK = 1024  # sentences between two steps of the progress bar


def evaluate(
    gold: Annotated[Path, typer.Argument(help="Data file with gold tags: CoNLL or JSONL, also .gz.")],
    predicted: Annotated[
        Path,
        typer.Argument(
            parser=model_folder,
            metavar="PREDICTED|MODEL",
            help="Data file of the same words, or a model: its folder, or hf://user/name.",
        ),
    ],
    *,
    taxonomy: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE", help="Coarse groups; auto: a packaged taxonomy that knows every label, else flat."
        ),
    ] = "auto",
    train: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Training file: recall on mentions that it knows and does not.")
    ] = None,
    scheme: Annotated[
        Literal["iob2", "iob1", "bioes"], typer.Option(help="How mentions are written in CoNLL.")
    ] = "iob2",
    repair: Annotated[
        bool, typer.Option(help="Mend what can be mended in the gold file too; in predictions it always is. Counted.")
    ] = False,
    noise: Annotated[
        float | None,
        typer.Option(metavar="RATE", help="A model: on a copy with typos in so many of the sentences too; 1: in all."),
    ] = None,
    noisy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A model: on this copy of GOLD with typos too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, in fractions of 1.")] = False,
) -> None:
    """Score predictions: exact span and label, micro and macro F1 (over the classes that occur in gold), each class.

    Examples:

      coner evaluate gold.conll predicted.conll

      coner evaluate test.conll runs/paper --train train.conll --json

      coner evaluate dev.conll runs/paper --noise 1
    """
    from coner.data import read
    from coner.data.folder import kind_of_folder
    from coner.data.taxonomy import AUTO, load_taxonomy
    from coner.evaluation.errors import classify_errors
    from coner.evaluation.score import score_sentences
    from coner.report.record import scores_with_intervals
    from coner.taggers import load
    from coner.types import surfaces

    labels = None if taxonomy == AUTO else load_taxonomy(taxonomy).labels
    corpus = read(gold, scheme=scheme, repair=repair, labels=labels, gold=True)
    copy = noisy_copy(corpus, noise, noisy, predicted, scheme=scheme, repair=repair)
    seen = None if train is None else surfaces(read(train, scheme=scheme, repair=repair, gold=True))
    found: Sequence[Sequence[Entity]]
    again: Sequence[Sequence[Entity]]
    if predicted.is_dir() and kind_of_folder(predicted) is None:
        tagger = load(predicted)
        found, counts, own = _tagged(tagger, corpus)
        again, mended, _ = _tagged(tagger, copy)
    else:
        (found, counts), own, again, mended = _read(predicted, corpus, scheme, labels), None, (), {"repaired": 0}
    chosen = _taxonomy(taxonomy, own, {*corpus.labels, *(e.label for entities in [*found, *again] for e in entities)})
    scores = score_sentences(corpus, found, groups=chosen.coarse_by_fine, seen=seen)
    scores = replace(scores, repaired=corpus.repaired + counts["repaired"], skipped=corpus.skipped + counts["skipped"])
    errors = classify_errors((sentence.entities or () for sentence in corpus), found)
    values = {**scores_with_intervals(scores), "errors": errors.as_dict()}
    cost = None
    if copy:
        cost = noise_cost(corpus, copy, found, again, groups=chosen.coarse_by_fine, seen=seen)
        values |= replace(cost, scores=replace(cost.scores, repaired=mended["repaired"])).as_dict()
    _warn(scores, corpus, counts)
    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        what = f"{gold.name}, {scores.sentences} sentences, {scores.words} words"
        _show(scores, errors, values["intervals"], taxonomy=chosen, what=what)
        if cost:
            show_cost(cost)


def _tagged(tagger: Tagger, corpus: Sequence[Sentence]) -> tuple[list[list[Entity]], dict[str, int], Taxonomy]:
    from coner.progress import bar

    found: list[list[Entity]] = []
    before = tagger.repaired
    with bar("tagging", len(corpus)) as shown:
        for start in range(0, len(corpus), CHUNK):
            chunk = corpus[start : start + CHUNK]
            found.extend(tagger.tag(chunk))
            shown.advance(len(chunk))
    return found, {"repaired": tagger.repaired - before, "skipped": 0}, tagger.taxonomy


def _read(
    path: Path, gold: Corpus, scheme: Literal["iob2", "iob1", "bioes"], labels: tuple[str, ...] | None
) -> tuple[list[Sequence[Entity]], dict[str, int]]:
    from coner.data import read

    predicted = read(path, scheme=scheme, repair=True, labels=labels, gold=True)
    _same_words(gold, predicted)
    found: list[Sequence[Entity]] = [sentence.entities or () for sentence in predicted]
    return found, {"repaired": predicted.repaired, "skipped": predicted.skipped}


def _same_words(gold: Corpus, predicted: Corpus) -> None:
    """Sentence by sentence; ``DataError`` at the first word that differs, with the line in both files."""
    from coner.errors import DataError

    for truth, found in zip(gold, predicted, strict=False):
        if truth.words == found.words:
            continue
        pairs = zip(truth.words, found.words, strict=False)
        at = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(truth), len(found)))
        (here, word), (there, other) = _word(predicted, found, at), _word(gold, truth, at)
        came = f"{word} where {gold.path}:{there} has {other}"
        raise DataError(f"{came}; expected the same sentences and words", predicted.path, here)
    if len(gold) != len(predicted):
        counts = f"{len(predicted)} sentences where {gold.path} has {len(gold)}"
        raise DataError(f"{counts}; expected the same sentences and words", predicted.path)


def _word(corpus: Corpus, sentence: Any, index: int) -> tuple[int, str]:
    """The line of a word, and the word as a message has it."""
    rows = len(sentence.header) + index if corpus.format is not None else 0
    word = repr(sentence.words[index]) if index < len(sentence) else "the end of the sentence"
    return sentence.line + rows, word


def _taxonomy(name: str, own: Taxonomy | None, labels: set[str]) -> Taxonomy:
    """The one that was asked for; else the model's own, where it knows every label."""
    from coner.data.taxonomy import AUTO, choose_taxonomy

    return own if own and name == AUTO and labels <= set(own.labels) else choose_taxonomy(name, labels)


def _warn(scores: Scores, corpus: Corpus, counts: dict[str, int]) -> None:
    from coner.progress import stderr

    for what, count in (
        ("faults repaired in the gold file", corpus.repaired),
        ("items of the gold file left out", corpus.skipped),
        ("faults repaired in the predictions", counts["repaired"]),
        ("items of the predictions left out", counts["skipped"]),
    ):
        if count:
            stderr.print(f"Warning: {count} {what}", markup=False)
    absent = {label: result.predicted for label, result in scores.fine.classes.items() if not result.support}
    if absent:
        labels = ", ".join(absent)
        stderr.print(
            f"Warning: {sum(absent.values())} predictions of classes that do not occur in gold ({labels}): they count "
            "against micro F1, and are no part of macro F1",
            markup=False,
        )


def _show(scores: Scores, errors: Errors, bounds: dict[str, Any], *, taxonomy: Taxonomy, what: str) -> None:
    from rich import box
    from rich.table import Table

    from coner.report.terminal import print_whole

    fine, coarse = scores.fine, scores.coarse
    micro, macro = (f"[{bounds[name][0]:.4f}, {bounds[name][1]:.4f}]" for name in ("micro_f1", "macro_f1"))
    lines = [
        what,
        f"micro F1   {fine.micro_f1:.4f}  {micro}  precision {fine.precision:.4f}, recall {fine.recall:.4f}",
        f"macro F1   {fine.macro_f1:.4f}  {macro}  over {fine.macro_classes} classes that occur in gold",
        f"coarse     {coarse.macro_f1:.4f}  macro F1 over {coarse.macro_classes} groups (micro {coarse.micro_f1:.4f})",
        f"span F1    {scores.span.f1:.4f}  labels aside",
    ]
    for name, part in (("seen", scores.seen), ("unseen", scores.unseen)):
        if part is not None:
            lines.append(f"{name:<10} {part.recall:.4f}  recall on the {part.support} mentions {name} in training")
    lines.append(
        f"errors     {errors.label} of label, {errors.boundary} of boundaries, {errors.both} of both, "
        f"{errors.missed} missed, {errors.spurious} spurious"
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("class", "precision", "recall", "F1", "gold", "predicted"):
        table.add_column(title, justify="left" if title == "class" else "right", no_wrap=True)
    for group, classes in taxonomy.groups.items():
        inner = [label for label in classes if label in fine.classes]
        if group in coarse.classes and inner != [group]:
            table.add_row(*_cells(group, coarse.classes[group]), style="bold")
        for label in inner:
            table.add_row(*_cells(label if inner == [group] else f"  {label}", fine.classes[label]))
    print_whole("\n".join(lines), table)


def _cells(name: str, result: Result) -> tuple[str, ...]:
    rates = (f"{value:.4f}" for value in (result.precision, result.recall, result.f1))
    return (name, *rates, str(result.support), str(result.predicted))
