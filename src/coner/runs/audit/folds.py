"""Evidence on every sentence of a file, each from a tagger that was trained on the other folds; resumable by fold.

The folder of an audit has one file for each finished fold, and the run folder of the fold that is being trained.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coner.config.experiment import Experiment
from coner.core.errors import ConfigError, DataError, OutputError
from coner.core.files import atomic_write, make_folder
from coner.core.locks import LOCK, lock_folder
from coner.core.progress import Log, progress_bar
from coner.core.types import Sentence
from coner.data.stratify import distribute, duplicate_key
from coner.families import Tagger, load
from coner.families.recipe import Training
from coner.families.registry import family, kinds
from coner.runs.audit.evidence import Evidence, collect_evidence
from coner.runs.execute import execute
from coner.runs.train import sentence_inputs

MARK = "audit.json"
VERSION = 1  # of the evidence; a new one computes all folds again


@dataclass(frozen=True)
class Fold:
    """The sentences that one tagger is asked about, by index, and those that it is trained on."""

    name: str
    held_out: tuple[int, ...]
    train: tuple[int, ...]


@dataclass(frozen=True)
class FoldPlan:
    """The folds of an audit."""

    sentences: Sequence[Sentence]  # labelled
    settings: Experiment  # of each training
    folds: tuple[Fold, ...]

    @property
    def fingerprint(self) -> str:
        """Hash of everything that the evidence depends on."""
        settings, folds = self.settings, [fold.held_out for fold in self.folds]
        identity = [VERSION, family(settings.kind).identity(settings), settings.data.model_dump(mode="json"), folds]
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode())
        for sentence in self.sentences:
            digest.update(repr((sentence.words, sentence.entities)).encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


def make_plan(sentences: Sequence[Sentence], settings: Experiment, *, folds: int) -> FoldPlan:
    """Distribute labelled sentences over folds by text, with every class in proportion; the seed is of the settings.

    Raises:
        ConfigError: the family has no probabilities of spans.
        DataError: there are fewer different sentences than folds.
    """
    if not family(settings.kind).has_chain:
        having = " or ".join(kinds(trains=True, has_chain=True))
        raise ConfigError(f"--family: got {settings.kind}, which has no chain of tags; expected {having}")
    if (texts := len(set(map(duplicate_key, sentences)))) < folds:
        got = f"got {texts} different sentence{'s' * (texts != 1)} with a word"
        fix = f"Fix: --folds {texts}, or more sentences" if texts > 1 else "Fix: add sentences"
        raise DataError(f"{got}; expected at least {folds}, one for each fold. {fix}")
    names = [f"fold-{number}" for number in range(1, folds + 1)]
    shares = dict.fromkeys(names, 1 / folds)
    parts = distribute(sentences, shares, seed=settings.seed)
    fold_of = {duplicate_key(sentence): name for name, some in parts.items() for sentence in some}
    chosen = [fold_of[duplicate_key(sentence)] for sentence in sentences]
    made = []
    for name in names:
        held_out = tuple(index for index, own in enumerate(chosen) if own == name)
        made.append(Fold(name, held_out, tuple(index for index, own in enumerate(chosen) if own != name)))
    return FoldPlan(sentences, settings, tuple(fold for fold in made if fold.held_out))


def collect(plan: FoldPlan, folder: Path, log: Log) -> list[Evidence]:
    """The evidence on each sentence; finished folds of an earlier start are read, not repeated.

    Raises:
        OutputError: the folder is not that of an audit, or another process is writing into it.
        DataError: a fold has no mention to train on, or its file is damaged.
    """
    _check(folder)
    with lock_folder(folder):
        _claim(plan, folder, log)
        found: dict[int, Evidence] = {}
        with progress_bar("folds", len(plan.folds)) as shown:
            for fold in plan.folds:
                found |= zip(fold.held_out, _evidence(plan, fold, folder, log), strict=True)
                shown.advance()
    return [found[index] for index in range(len(plan.sentences))]


def fit_fold(plan: FoldPlan, fold: Fold, folder: Path) -> Tagger:
    """The tagger of a fold, trained in ``folder``, or resumed there."""
    train = [plan.sentences[index] for index in fold.train]
    if not any(sentence.entities for sentence in train):
        raise DataError(f"{fold.name}: got no mention in the other folds; expected more labelled sentences")
    share, texts = plan.settings.data.dev_share, len(set(map(duplicate_key, train)))
    try:
        recipe = Training(plan.settings, sentence_inputs(plan.settings.data, train))
        execute(recipe, folder)
    except DataError:
        if texts * share >= 2:  # enough for a dev split
            raise
        got = f"{fold.name}: got {texts} different sentences to train on, and a share of {share:g} of them as dev split"
        fix = "add sentences, or --set data.dev_share=0.5"
        raise DataError(f"{got}; expected more. Fix: {fix}") from None
    return load(folder, kb=recipe.kb)


def unlearned(plan: FoldPlan) -> set[tuple[int, str]]:
    """Mentions, as sentence and label, of classes that none of the other folds has."""
    missing = set()
    for fold in plan.folds:
        learned = {entity.label for index in fold.train for entity in plan.sentences[index].entities or ()}
        for index in fold.held_out:
            labels = {entity.label for entity in plan.sentences[index].entities or ()}
            missing |= {(index, label) for label in labels - learned}
    return missing


def _check(folder: Path) -> None:
    other = folder.is_dir() and any(path.name != LOCK for path in folder.iterdir()) and _mark(folder) is None
    if other or (folder.exists() and not folder.is_dir()):
        raise OutputError(f"{folder}: exists, and is not the folder of an audit. Fix: name another one with --work")


def _mark(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / MARK).read_bytes())["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _claim(plan: FoldPlan, folder: Path, log: Log) -> None:
    """Delete the folds of an earlier audit of other data or settings, and mark the folder as this one's."""
    earlier, now = _mark(folder), plan.fingerprint
    if earlier == now:
        return
    if earlier is not None:
        log(f"{folder}: data or settings have changed since the last audit; all folds are trained again")
    for path in folder.glob("fold-*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    with atomic_write(folder / MARK) as handle:
        handle.write(json.dumps({"fingerprint": now}) + "\n")


def _evidence(plan: FoldPlan, fold: Fold, folder: Path, log: Log) -> list[Evidence]:
    path = folder / f"{fold.name}.json"
    if not path.is_file():
        sizes = f"{len(fold.train):,} sentences to train on, {len(fold.held_out):,} held out"
        log(f"{fold.name} of {len(plan.folds)}: {sizes}")
        place = make_folder(folder / fold.name)
        tagger = fit_fold(plan, fold, place)
        rows = [one.to_json() for one in collect_evidence(tagger, [plan.sentences[index] for index in fold.held_out])]
        with atomic_write(path) as handle:
            handle.write(json.dumps(rows, ensure_ascii=False, separators=(",", ":")) + "\n")
        shutil.rmtree(place)
    return _read(path, plan, fold)


def _read(path: Path, plan: FoldPlan, fold: Fold) -> list[Evidence]:
    try:
        found = [Evidence.from_json(row) for row in json.loads(path.read_bytes())]
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError, DataError) as error:
        raise DataError(f"cannot be read ({' '.join(str(error).split())[:100]}). Fix: delete it", path) from None
    mentions = [len(plan.sentences[index].entities or ()) for index in fold.held_out]
    if [len(one.outcomes) for one in found] != mentions:
        raise DataError("is not of these sentences. Fix: delete it, and run the same command again", path)
    return found
