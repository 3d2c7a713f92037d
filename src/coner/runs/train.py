"""Training from Python: the run of ``coner train``, on files or on sentences in memory."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coner.config.experiment import Experiment
from coner.config.load import find_config, override_paths
from coner.core.counted import counted
from coner.core.errors import DataError
from coner.core.progress import Log, SilentLog
from coner.core.types import Sentence
from coner.data import Corpus, read
from coner.data.splits import Split, SplitCache, cut_dev, read_options, with_warnings
from coner.data.taxonomy import AUTO, Taxonomy, choose_taxonomy
from coner.families import load
from coner.families.family import Place
from coner.families.recipe import Inputs, Training
from coner.families.settings import parse_data, parse_trainable
from coner.families.tagger import Tagger
from coner.runs.choice import read_source, with_kind
from coner.runs.execute import execute

SOURCE = "coner.train"  # in messages


def train(
    train: Any, dev: Any = None, *, family: str | None = None, out: str | Path | None = None, **settings: Any
) -> Tagger:
    """Train a tagger.

    Args:
        train: the path of labelled sentences, or sentences, or a pandas frame; see ``read``. Or a config, a ``.toml``
            file or the name of a built-in one, with ``data__train=PATH``.
        dev: the same, for model selection; by default the fraction ``data__dev_share`` of ``train``, split by text.
        family: ``crf``, ``encoder`` or ``span``; by default it is chosen as by ``coner train``.
        out: folder of the run, with model, record and log, as of ``coner train``; by default nothing is kept on disk.
        **settings: as in a config: ``seed=7``, ``train__epochs=4`` for one setting of a section, or a whole section
            as ``crf={"c2": 0.5}``.

    Raises:
        ConfigError: a setting is unknown or out of range, or ``out`` belongs to another run.
        DataError: the data are faulty, or have no labels.
        MissingExtra: the family needs packages that are not installed.
    """
    changes = {key.replace("__", "."): value for key, value in settings.items()}
    if family is not None:
        changes["kind"] = family
    name, log = ("", SilentLog()) if out is None else (Path(out).resolve().name, Log())
    cache = SplitCache()
    if isinstance(train, str | Path) and (dev is None or isinstance(dev, str | Path)):
        files = {} if dev is None else {"data.dev": str(dev)}
        recipe = _of_files(train, override_paths(read_source(train, name), {**files, **changes}), cache, log)
    else:
        recipe = _of_sentences(train, dev, override_paths({"name": name}, changes), log)
    if out is None:
        return fit(recipe, log=log, cache=cache)
    execute(recipe, Path(out), cache=cache)
    return load(out, kb=recipe.kb)


def _of_files(source: str | Path, values: dict[str, Any], cache: SplitCache, log: Log) -> Training:
    if find_config(source) is not None:
        parse_trainable(values, SOURCE)  # before the data are read
    values = with_kind(values, lambda data: cache.read(data)[0]["train"].sentences, source=SOURCE, log=log)
    return Training(parse_trainable(values, SOURCE))


def _of_sentences(train: Any, dev: Any, values: dict[str, Any], log: Log) -> Training:
    options = read_options(parse_data(values, SOURCE))
    train = read(train, **options, gold=True)
    settings = parse_trainable(with_kind(values, lambda _: train, source=SOURCE, log=log), SOURCE)
    return SentenceRecipe(settings, train, None if dev is None else read(dev, **options, gold=True))


class SentenceRecipe(Training):
    """A run on labelled sentences in memory; without ``dev`` the fraction ``data.dev_share`` of them, split by text."""

    def __init__(self, settings: Experiment, train: Sequence[Sentence], dev: Sequence[Sentence] | None = None) -> None:
        super().__init__(settings)
        self._train, self._dev = _split(train, "train"), None if dev is None else _split(dev, "dev")

    def read(self, cache: SplitCache) -> Inputs:
        data, train, dev = self.settings.data, self._train, self._dev
        taxonomy = choose_taxonomy(data.taxonomy, train.corpus.labels)
        checked = train.corpus if dev is None or data.taxonomy == AUTO else (*train.corpus, *dev.corpus)
        _check_labels(checked, train.corpus, taxonomy)
        try:
            splits = cut_dev(train, data.dev_share) if dev is None else {"train": train, "dev": dev}
        except DataError:
            size, share = counted(len(train.corpus), "sentence"), f"dev_share={data.dev_share:g}"
            got = f"got {size}, of which {share} are needed as dev split"
            fix = "Fix: add sentences, or pass a dev split (dev=...)"
            raise DataError(f"{got}; expected more distinct texts. {fix}") from None
        return Inputs(with_warnings(splits, splits["train"].corpus.labels), taxonomy)


def fit(recipe: Training, *, log: Log, cache: SplitCache | None = None) -> Tagger:
    """Build the tagger of a recipe, keeping nothing on disk."""
    with tempfile.TemporaryDirectory(prefix="coner-") as folder:
        place = Place(folder=Path(folder), fingerprint="sentences in memory", log=log)
        inputs = recipe.read(cache or SplitCache())
        for line in inputs.notes:
            log(line)
        return recipe.build(inputs, place).tagger


def _split(sentences: Sequence[Sentence], name: str) -> Split:
    corpus = sentences if isinstance(sentences, Corpus) else Corpus(tuple(sentences), Path(name))
    digest = hashlib.sha256()
    for sentence in corpus:
        digest.update(repr((sentence.words, sentence.entities)).encode("utf-8", "surrogatepass"))
    return Split(corpus, digest.hexdigest())


def _check_labels(sentences: Sequence[Sentence], train: Corpus, taxonomy: Taxonomy) -> None:
    if not train.labels:
        raise DataError("got no entity in any sentence; expected labelled sentences to train on")
    unknown = {e.label for sentence in sentences for e in sentence.entities or ()} - set(taxonomy.labels)
    if unknown:
        known = ", ".join(taxonomy.labels)
        raise DataError(f"got label {min(unknown)!r}; expected one of taxonomy {taxonomy.name}: {known}")
