"""Families of taggers, one folder per kind; ``load`` opens a model folder of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from coner import hub
from coner.core.errors import ConfigError, ModelError, requires_extra
from coner.families.manifest import COPY, MANIFEST, parse_manifest, read_manifest
from coner.families.options import LoadOptions, prepare
from coner.families.registry import family, kinds
from coner.families.tagger import Prediction, Tagger
from coner.knowledge.knowledge import KnowledgeBase

__all__ = ["Prediction", "Tagger", "load", "model_folder"]


def model_folder(name: str | Path) -> Path:
    """The folder of a model: an existing folder, or an installed package, or ``hf://user/name@revision``, downloaded.

    Raises:
        ModelError: the model is not available, or is one from elsewhere that would call an endpoint of its author's
            choice.
        MissingExtra: huggingface_hub is not installed.
    """
    remote = {declared for declared in kinds() if family(declared).calls_endpoint}  # ``load`` reports an unknown kind
    return hub.model_folder(name, trusted=lambda model_kind: model_kind not in remote)


def load(folder: str | Path, **options: Unpack[LoadOptions]) -> Tagger:
    """Open a trained model, whatever its family.

    Args:
        folder: a model folder, the name of an installed package with a model (a folder of that name wins), or
            ``hf://user/name`` for a model on the hub, with an optional ``@revision``.
        **options: rules and links for its predictions, see ``LoadOptions``: ``rules``, ``kb``, ``link``, ``label_map``.

    Raises:
        ModelError: the folder is missing, damaged, of a newer format, or of an unknown family; or its knowledge
            base is not named, or is another one.
        MissingExtra: its family, or a knowledge base, needs packages that are not installed.
        DataError: the rules or the label map are faulty, or have labels that the model lacks.
        ConfigError: an option needs another one.
    """
    tagger = _load(model_folder(folder), options.get("kb"))
    prepare(tagger, options)
    return tagger


def _load(folder: Path, kb: KnowledgeBase | None) -> Tagger:
    manifest = read_manifest(folder)
    try:
        declared = family(manifest.kind)
    except ConfigError as error:
        raise ModelError(f"{folder / MANIFEST}: {error}") from None
    typed = parse_manifest(manifest.model_dump(), declared.manifest, folder)
    knowledge = None
    if typed.knowledge is not None:
        with requires_extra("A model with a knowledge base", "knowledge"):
            from coner.families.knowledge import knowledge_of_model
        knowledge = knowledge_of_model(folder, typed, kb)
    with requires_extra(f"a model of kind {manifest.kind}", declared.extra or manifest.kind):
        try:
            tagger = declared.load(folder, typed)
        except ConfigError as error:  # components that do not fit together
            raise ModelError(f"{folder / MANIFEST}: damaged: {error}. {COPY}") from None
    if (point := typed.operating_point) is not None and (unknown := point.thresholds.keys() - {*tagger.labels}):
        fault = f"operating_point.thresholds: got {min(unknown)!r:.80}; expected labels of the model"
        raise ModelError(f"{folder / MANIFEST}: damaged: {fault}. Fix: coner threshold {folder} --clear")
    tagger.operating_point, tagger.knowledge = point, knowledge
    return tagger
