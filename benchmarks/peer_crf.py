"""The feature CRF as users of sklearn-crfsuite write it: a function from a sentence to the features of each word.

The strings are those of coner's own features (``check_features``), so that both sides can learn the same model.
Features of the whole sentence are computed once per sentence; nothing is cached between sentences.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import SAMPLE, existing
from sklearn_crfsuite import CRF  # type: ignore[import-untyped]

from coner.core.tags import repair_tags, tags_from_entities
from coner.core.types import Entity, Sentence
from coner.data import read
from coner.data.taxonomy import Taxonomy, choose_taxonomy
from coner.evaluation.score import score
from coner.families.crf.fit import train
from coner.families.crf.settings import CrfExperiment, CrfSettings
from coner.families.family import Built
from coner.features import Extractor, Lexicon
from coner.features.functions import Feature
from coner.features.gazetteer import GazetteerEntry

NAMES = Extractor().names
BY_SCOPE = Extractor().by_scope
Rows = list[list[str]]


@dataclass(frozen=True)
class Task:
    """Training and dev data of both sides, and our settings."""

    train: Sequence[Sentence]
    dev: Sequence[Sentence]
    taxonomy: Taxonomy
    settings: CrfExperiment

    @classmethod
    def load(cls, train: Path = SAMPLE / "train.conll", dev: Path = SAMPLE / "dev.conll") -> Task:
        """From two files, with the default settings."""
        corpus = read(train, gold=True)
        settings = CrfExperiment(kind="crf", crf=CrfSettings(features=NAMES))
        return cls(corpus, read(dev, gold=True), choose_taxonomy("auto", corpus.labels), settings)

    def learn_lexicon(self) -> Lexicon:
        """Learn clusters and gazetteer from the training sentences."""
        return Lexicon.learn(self.train, sizes=self.settings.crf.clusters, seed=self.settings.seed)

    def f1(self, found: Sequence[Sequence[Entity]]) -> tuple[float, float]:
        """Micro and macro F1 on dev."""
        scores = score(self.dev, found).fine
        return round(scores.micro_f1, 4), round(scores.macro_f1, 4)


def add_files(parser: argparse.ArgumentParser) -> None:
    """``--train`` and ``--dev``."""
    for split in ("train", "dev"):
        parser.add_argument(f"--{split}", type=existing, default=SAMPLE / f"{split}.conll", help="default: sample")


def train_ours(task: Task) -> Built:
    """Train our CRF with the default settings."""
    return train(task.settings, train=task.train, dev=task.dev, taxonomy=task.taxonomy, log=lambda _: None)


def settings_of_ours(task: Task) -> dict[str, object]:
    """Our algorithm and settings, by the names of the peer."""
    crf = task.settings.crf
    return {
        "algorithm": "l2sgd",
        "c2": crf.c2,
        "max_iterations": crf.max_iterations,
        "min_freq": crf.min_frequency,
    }


def sentence_features(words: Sequence[str], lexicon: Lexicon, exclude: Sequence[Entity] | None = None) -> Rows:
    """Features of each word; ``exclude``: in training, the sentence's own entities, which the gazetteer leaves out."""
    entries = lexicon.gazetteer.look_up(words, exclude)
    shared = [f"{f.name}={value}" for f in BY_SCOPE["sentence"] for value in f.function(words)]
    return [_word_features(words, i, entries, lexicon) + shared for i in range(len(words))]


def _word_features(words: Sequence[str], i: int, entries: Sequence[GazetteerEntry], lexicon: Lexicon) -> list[str]:
    features = [f"{f.name}={value}" for f in BY_SCOPE["place"] for value in f.function(words, i)]
    for f in BY_SCOPE["word"]:
        for j, prefix in _inside(f, i, words):
            features += [f"{prefix}{value}" for value in f.function(words[j])]
    for f in BY_SCOPE["cluster"]:
        for j, prefix in _inside(f, i, words):
            features += [f"{prefix}{value}" for value in f.function(lexicon.clusters.get(words[j], ()))]
    for f in BY_SCOPE["gazetteer"]:
        for j, prefix in _inside(f, i, words):
            features += [f"{prefix}{value}" for value in f.function(entries[j])]
    return features


def _inside(feature: Feature, i: int, words: Sequence[str]) -> list[tuple[int, str]]:
    """Indices of the words that give word ``i`` this feature, each with the prefix of its values."""
    return [(i + at, prefix) for at, prefix in feature.prefixes.items() if 0 <= i + at < len(words)]


def training_data(task: Task, lexicon: Lexicon) -> tuple[list[Rows], Rows]:
    """Features and tags of the training sentences."""
    features = [sentence_features(s.words, lexicon, s.entities) for s in task.train]
    return features, [tags_from_entities(s.entities or (), len(s)) for s in task.train]


def tag(model: CRF, features: Sequence[Rows]) -> list[list[Entity]]:
    """Entities of each sentence."""
    return [repair_tags(list(tags))[0] for tags in model.predict(features)]


def check_features(task: Task, lexicon: Lexicon) -> None:
    """Check that the peer's features are ours, in any order."""
    extractor = Extractor(NAMES, lexicon)
    for sentence in task.train[:200]:
        ours, theirs = (
            [sorted(row) for row in rows]
            for rows in (
                extractor(sentence.words, sentence.entities),
                sentence_features(sentence.words, lexicon, sentence.entities),
            )
        )
        assert ours == theirs, sentence.words
