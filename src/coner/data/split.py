"""A split of an experiment, such as train, and what is derived from it.

Dev and test may have classes that the training data lacks, which can only be missed, unless a taxonomy is named.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coner.config.experiment import NoiseSettings
from coner.core.counted import counted, listed
from coner.core.errors import DataError
from coner.core.types import Sentence, compact_text
from coner.data.corpus import Corpus
from coner.data.label_case import rename_hint
from coner.data.noise import make_noise
from coner.data.reading.renaming import SPACES, rename_options
from coner.data.stratify import SPLITS, split_corpus

FEW = 10  # mentions: in a file with no more, all may be of classes that training data lack


def noisy_split(name: str) -> str:
    """Name of the copy of a split that has typos (``data.noise.score``)."""
    return f"{name}_noisy"


ALL_SPLITS = (*SPLITS, *map(noisy_split, SPLITS))


@dataclass(frozen=True)
class Split:
    """A split, or an additional training file."""

    corpus: Corpus
    sha256: str  # identifies it; of the file, if it is all of one
    extras: tuple[Split, ...] = ()  # further files to train on
    weight: float = 1.0  # of each sentence of the corpus
    left_out: tuple[int, ...] = ()  # indices of sentences of a further file that are not in the corpus
    files: tuple[Path, ...] = ()  # of a corpus of several files

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        """Those of the corpus, then those of the further files."""
        return self.corpus.sentences + tuple(sentence for extra in self.extras for sentence in extra.corpus)

    @property
    def weights(self) -> list[float]:
        """The weight of each sentence."""
        return [self.weight] * len(self.corpus) + [extra.weight for extra in self.extras for _ in extra.corpus]


def with_note(split: Split, note: str) -> Split:
    """The split with a note, if it is not empty."""
    return replace(split, corpus=replace(split.corpus, notes=(*split.corpus.notes, note))) if note else split


def with_warnings(splits: dict[str, Split], learned: Collection[str]) -> dict[str, Split]:
    """The splits with notes about mentions that can only be missed, and about labels that some formats cannot hold."""
    warned = {name: with_note(split, _unseen(split.corpus, learned)) for name, split in splits.items()}
    if "train" in warned and (unfit := [label for label in learned if SPACES.search(label)]):
        names = ", ".join(map(repr, sorted(unfit)))
        fix = f"Fix: {rename_options(unfit, learned)}"
        warned["train"] = with_note(warned["train"], f"Warning: CoNLL and brat cannot hold the label {names}. {fix}")
    return warned


def check_labels(corpus: Corpus, known: Collection[str], source: str) -> None:
    """``DataError`` if a dev or test file has more than ``FEW`` mentions, none with a label of ``source``."""
    mentions = sum(len(sentence.entities or ()) for sentence in corpus)
    if mentions > FEW and not set(corpus.labels) & set(known):
        got = f"got other labels ({listed(corpus.labels, 5)}) than {source} ({listed(sorted(known), 5)})"
        fix = rename_hint(corpus.labels, known) or ". Fix: name another file; coner evaluate --map scores other labels"
        raise DataError(f"{got}; expected some of the same{fix}", corpus.path)


def _unseen(corpus: Corpus, learned: Collection[str]) -> str:
    """A warning of the classes of a corpus that are not learned; empty if there are none."""
    counts = Counter(e.label for s in corpus for e in s.entities or () if e.label not in learned)
    if not counts:
        return ""
    mentions = counted(counts.total(), "mention")
    often_first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    classes = listed([f"{label} {count}" for label, count in often_first]) + rename_hint(counts, learned)
    return f"Warning: {mentions} can only be missed, of classes that the training data lacks: {classes}"


def with_noisy_copies(splits: dict[str, Split], settings: NoiseSettings) -> dict[str, Split]:
    """The splits, and with ``data.noise.score`` a copy with typos of each that is evaluated."""
    if not settings.score:
        return splits
    noise = make_noise(settings, rate=1.0)
    copies = {
        noisy_split(name): derive(split, noise(split.corpus), f"noise {noise.key}", repaired=0, skipped=0)
        for name, split in splits.items()
        if name != "train"
    }
    return {**splits, **copies}


def evaluated_in(splits: Mapping[str, Split]) -> list[Sentence]:
    """The sentences of all splits but train."""
    return [sentence for name, split in splits.items() if name != "train" for sentence in split.corpus]


def leave_out(extra: Split, evaluated: Iterable[Sentence]) -> Split:
    """Remove the sentences whose text, ignoring case and white space, is one of those that are evaluated."""
    texts = set(map(compact_text, evaluated))
    leaks = [compact_text(sentence) in texts for sentence in extra.corpus]
    kept = tuple(sentence for sentence, leak in zip(extra.corpus, leaks, strict=True) if not leak)
    if not kept:
        message = "got only sentences that are in the dev or test file too; expected others to train on"
        raise DataError(message, extra.corpus.path)
    left_out = tuple(index for index, leak in enumerate(leaks) if leak)
    return replace(extra, corpus=replace(extra.corpus, sentences=kept), left_out=left_out)


def derive(split: Split, sentences: Iterable[Sentence], change: str, **faults: Any) -> Split:
    """A split of other sentences of the same file, whose hash tells the ``change``; faults are reported once."""
    corpus = replace(split.corpus, sentences=tuple(sentences), **faults)
    return Split(corpus, hashlib.sha256(f"{split.sha256} {change}".encode()).hexdigest())


def cut_dev(split: Split, share: float) -> dict[str, Split]:
    """Cut a dev split from a training split: the same cut every time, without a text in both.

    ``DataError`` if there are too few different sentences.
    """
    fix = f"name a dev file (data.dev), use more sentences, or another data.dev_share than {share:g}"
    cut = split_corpus(split.corpus, dev=share, test=0, seed=1, fix=fix)
    dev = derive(split, cut["dev"], f"dev {share}", repaired=0, skipped=0)
    return {"train": derive(split, cut["train"], f"train {share}"), "dev": dev}


def describe(splits: dict[str, Split]) -> str:
    """The sizes of the splits in one line, and what was repaired, skipped or left out."""
    sizes = []
    for name, split in splits.items():
        sizes.append(f"{name} {counted(len(split.corpus), 'sentence')}{split.corpus.faults}")
        for extra in split.extras:
            leaks = f", {len(extra.left_out)} left out (in dev or test too)" if extra.left_out else ""
            size = f"{extra.corpus.path.name} {counted(len(extra.corpus), 'sentence')} of weight {extra.weight:g}"
            sizes.append(f"{size}{leaks}{extra.corpus.faults}")
    return ", ".join(sizes)
