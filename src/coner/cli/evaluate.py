"""``coner evaluate``: a gold file against predictions, or against a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from coner.cli.model import model as model_folder
from coner.cli.noise_cost import noise_cost, noisy_copy, show_cost
from coner.cli.options import Scheme, TrainFile
from coner.cli.spending import INCOMPLETE, Cost, LedgerFile, Tokens, check_cost, check_unused
from coner.cli.tag_gold import Given, tag_gold

if TYPE_CHECKING:
    from coner.core.types import Entity
    from coner.data import Corpus
    from coner.data.taxonomy import Taxonomy
    from coner.evaluation.errors import Errors
    from coner.evaluation.results import Result, Scores


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
    train: TrainFile = None,
    scheme: Scheme = "iob2",
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
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N sentences.")] = None,
    budget_tokens: Tokens = None,
    budget_cost: Cost = None,
    ledger: LedgerFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, in fractions of 1.")] = False,
) -> None:
    """Score predictions: exact span and label, micro and macro F1 (over the classes that occur in gold), each class.

    Examples:

      coner evaluate gold.conll predicted.conll

      coner evaluate test.conll runs/paper --train train.conll --json

      coner evaluate dev.conll runs/paper --noise 1
    """
    from coner.core.types import surfaces
    from coner.data import read
    from coner.data.files import detect_folder
    from coner.data.taxonomy import AUTO, load_taxonomy
    from coner.evaluation.errors import classify_errors
    from coner.evaluation.score import score_sentences
    from coner.families import load
    from coner.families.asking import allow
    from coner.records.recording import scores_with_intervals

    check_cost(budget_cost)
    labels = None if taxonomy == AUTO else load_taxonomy(taxonomy).labels
    corpus = read(gold, scheme=scheme, repair=repair, labels=labels, gold=True)
    copy = noisy_copy(corpus, noise, noisy, predicted, scheme=scheme, repair=repair)
    seen = None if train is None else surfaces(read(train, scheme=scheme, repair=repair, gold=True))
    corpus, copy = replace(corpus, sentences=corpus.sentences[:limit]), copy[:limit]
    if predicted.is_dir() and detect_folder(predicted) is None:
        tagger = load(predicted)
        allow(tagger, tokens=budget_tokens, cost=budget_cost, ledger=ledger)
        given, own, skipped = tag_gold(tagger, corpus, copy), tagger.taxonomy, 0
    else:
        check_unused(f"{predicted} holds predictions", budget_tokens, budget_cost, ledger)
        (given, skipped), own = _read(predicted, corpus, scheme, labels, limit), None
    corpus, found, copy, again = given.corpus, given.found, given.copy, given.again
    chosen = _taxonomy(taxonomy, own, {*corpus.labels, *(e.label for entities in [*found, *again] for e in entities)})
    scores = score_sentences(corpus, found, groups=chosen.coarse_by_fine, seen=seen)
    scores = replace(scores, repaired=corpus.repaired + given.repaired, skipped=corpus.skipped + skipped)
    errors = classify_errors((sentence.entities or () for sentence in corpus), found)
    values = {**scores_with_intervals(scores), "errors": errors.as_dict(), **_asked(given)}
    cost = None
    if copy:
        cost = noise_cost(corpus, copy, found, again, groups=chosen.coarse_by_fine, seen=seen)
        values |= replace(cost, scores=replace(cost.scores, repaired=given.repaired_again)).as_dict()
    _warn(scores, corpus, {"repaired": given.repaired, "skipped": skipped})
    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        _show(scores, errors, values["intervals"], taxonomy=chosen, what=f"{gold.name}, {_counts(scores, given)}")
        if cost:
            show_cost(cost)
    if not given.whole:
        raise typer.Exit(INCOMPLETE)


def _asked(given: Given) -> dict[str, Any]:
    """What a language model was asked, and how many sentences have an answer where some have none."""
    if not given.asked:
        return {}
    return {"llm": given.asked, **({"partial": given.asked["partial"]} if "partial" in given.asked else {})}


def _counts(scores: Scores, given: Given) -> str:
    partial = given.asked.get("partial")
    of = f" of {partial['sentences']}, as the others have no answer" if partial else ""
    return f"{scores.sentences} sentences{of}, {scores.words} words"


def _read(
    path: Path,
    gold: Corpus,
    scheme: Literal["iob2", "iob1", "bioes"],
    labels: tuple[str, ...] | None,
    limit: int | None,
) -> tuple[Given, int]:
    """What a file predicts, and how many of its items were left out."""
    from coner.data import read

    predicted = read(path, scheme=scheme, repair=True, labels=labels, gold=True)
    predicted = replace(predicted, sentences=predicted.sentences[:limit])
    _same_words(gold, predicted)
    found: list[Sequence[Entity]] = [sentence.entities or () for sentence in predicted]
    return Given(gold, found, repaired=predicted.repaired), predicted.skipped


def _same_words(gold: Corpus, predicted: Corpus) -> None:
    """Sentence by sentence; ``DataError`` at the first word that differs, with the line in both files."""
    from coner.core.errors import DataError

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
    rows = len(sentence.header) + index if corpus.layout is not None else 0
    word = repr(sentence.words[index]) if index < len(sentence) else "the end of the sentence"
    return sentence.line + rows, word


def _taxonomy(name: str, own: Taxonomy | None, labels: set[str]) -> Taxonomy:
    """The one that was asked for; else the model's own, where it knows every label."""
    from coner.data.taxonomy import AUTO, choose_taxonomy

    return own if own and name == AUTO and labels <= set(own.labels) else choose_taxonomy(name, labels)


def _warn(scores: Scores, corpus: Corpus, counts: dict[str, int]) -> None:
    from coner.core.progress import stderr

    for what, count in (
        ("faults repaired in the gold file", corpus.repaired),
        ("items of the gold file left out", corpus.skipped),
        ("faults repaired in the predictions", counts["repaired"]),
        ("items of the predictions left out", counts["skipped"]),
    ):
        if count:
            stderr.print(f"Warning: {count} {what}")
    absent = {label: result.predicted for label, result in scores.fine.classes.items() if not result.support}
    if absent:
        labels = ", ".join(absent)
        stderr.print(
            f"Warning: {sum(absent.values())} predictions of classes that do not occur in gold ({labels}): they count "
            "against micro F1, and are no part of macro F1"
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
