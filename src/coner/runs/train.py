"""Training from Python: the run of ``coner train``, on files or on sentences in memory."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coner.config.experiment import DataSettings
from coner.config.load import find_config, override_paths
from coner.core.counted import counted, listed
from coner.core.errors import ConfigError, DataError
from coner.core.progress import Log, SilentLog
from coner.core.types import Sentence
from coner.data import Corpus, read
from coner.data.corpus import Source
from coner.data.split import Split, check_labels, cut_dev, with_noisy_copies, with_warnings
from coner.data.splits import Inputs, SplitCache, read_options
from coner.data.taxonomy import AUTO, Taxonomy, choose_taxonomy
from coner.families import load
from coner.families.family import Place
from coner.families.recipe import Training
from coner.families.settings import parse_data, parse_trainable
from coner.families.tagger import Tagger
from coner.runs.choice import read_source, settings_for
from coner.runs.execute import execute

SOURCE = "coner.train"  # in messages
OF_FILES = ("train", "dev", "test", "extra", "union", "take")  # settings of the data that sentences in memory lack


def train(
    train: Source,
    dev: Source | None = None,
    *,
    family: str | None = None,
    out: str | Path | None = None,
    **settings: Any,
) -> Tagger:
    """Train a tagger.

    Args:
        train: the path of labelled sentences, or sentences, or a pandas frame; see ``read``. Or a config, a ``.toml``
            file or the name of a built-in one, with ``data__train=PATH``.
        dev: the same, for model selection; by default the fraction ``data__dev_share`` of ``train``, split by text.
        family: kind of the tagger, such as ``crf``; by default it is chosen as by ``coner train``.
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
    return Training(settings_for(values, cache.train, source=SOURCE, log=log))


def _of_sentences(train: Source, dev: Source | None, values: dict[str, Any], log: Log) -> Training:
    options = read_options(parse_data(values, SOURCE))
    own, other = read(train, **options, gold=True), None if dev is None else read(dev, **options, gold=True)
    return sentence_recipe(values, own, other, source=SOURCE, log=log)


def sentence_recipe(
    values: Mapping[str, Any], train: Sequence[Sentence], dev: Sequence[Sentence] | None, *, source: str, log: Log
) -> Training:
    """A run on sentences in memory; settings that are not set are chosen for the data, as by ``coner train``."""
    inputs = sentence_inputs(parse_data(values, source), train, dev)
    own = inputs.splits["train"].sentences
    return Training(settings_for(values, lambda _: own, source=source, log=log), inputs)


def sentence_inputs(data: DataSettings, train: Sequence[Sentence], dev: Sequence[Sentence] | None = None) -> Inputs:
    """The splits of sentences in memory; without ``dev`` the fraction ``data.dev_share`` of them, split by text.

    ``ConfigError`` for settings that need files; ``DataError`` if there are no labels, or too few sentences.
    """
    for key in OF_FILES:
        if getattr(data, key):
            got = f"data.{key}: got a value; expected none with sentences in memory"
            raise ConfigError(f"{got}. Fix: write them to a file, and train on its path")
    own, given = _split(train, "train"), None if dev is None else _split(dev, "dev")
    taxonomy = choose_taxonomy(data.taxonomy, own.corpus.labels)
    checked = own.corpus if given is None or data.taxonomy == AUTO else (*own.corpus, *given.corpus)
    _check_labels(checked, own.corpus, taxonomy)
    if given is not None:
        check_labels(given.corpus, taxonomy.labels, "the training data")
    try:
        splits = cut_dev(own, data.dev_share) if given is None else {"train": own, "dev": given}
    except DataError:
        size, share = counted(len(own.corpus), "sentence"), f"dev_share={data.dev_share:g}"
        got = f"got {size}, of which {share} are needed as dev split"
        fix = "Fix: add sentences, or pass a dev split (dev=...)"
        raise DataError(f"{got}; expected more distinct texts. {fix}") from None
    splits = with_warnings(splits, splits["train"].corpus.labels)
    return Inputs(with_noisy_copies(splits, data.noise), taxonomy)


def fit(recipe: Training, *, log: Log, cache: SplitCache | None = None) -> Tagger:
    """Build the tagger of a recipe, keeping nothing on disk."""
    with tempfile.TemporaryDirectory(prefix="coner-") as folder:
        place = Place(folder=Path(folder), fingerprint="sentences in memory", log=log)
        inputs = recipe.read(cache or SplitCache())
        for line in recipe.notes(inputs):
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
        known = listed(taxonomy.labels, 50)
        raise DataError(f"got label {min(unknown)!r}; expected one of taxonomy {taxonomy.name}: {known}")
