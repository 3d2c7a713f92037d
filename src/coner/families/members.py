"""Taggers that combine trained models; the model folder contains the members' files, as hard links where possible."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from coner.config.experiment import Experiment
from coner.core.errors import ConfigError, ModelError
from coner.core.files import new_file_mode
from coner.data.splits import Inputs, SplitCache, read_named_splits
from coner.data.taxonomy import Taxonomy
from coner.families import load, model_folder
from coner.families.family import Built, Place
from coner.families.files import ModelFiles
from coner.families.knowledge_use import EMBEDDED
from coner.families.manifest import MANIFEST, Manifest, file_names, read_manifest, write_model
from coner.families.recipe import Recipe
from coner.families.tagger import Tagger
from coner.hub import model_name
from coner.knowledge.description import DESCRIPTION

MAX_MEMBERS = 200  # of a model, with those of its members


class Combination(Recipe):
    """The run of a tagger that combines trained models; a subclass sets ``tagger``.

    ``ConfigError`` if a member is in the folder that the run writes, or there are more than ``MAX_MEMBERS``.
    """

    tagger: Tagger

    def __init__(self, settings: Experiment, folder: Path, members: Sequence[Path]) -> None:
        self.settings = settings
        if len(members) > MAX_MEMBERS:
            raise ConfigError(f"got {len(members)} models; expected at most {MAX_MEMBERS}")
        for member in members:
            if member.resolve().is_relative_to(folder.resolve()):
                raise ConfigError(f"{member}: is in {folder}, which will be written. Fix: choose another --out")
        self.folders = members
        self.members = [_load(member) for member in members]

    def read(self, cache: SplitCache) -> Inputs:
        return read_named_splits(self.settings.data, self.tagger.taxonomy)

    def describe(self, inputs: Inputs) -> str:
        """The first lines of the log; members are used as they are, with their calibration and thresholds."""
        points = zip(self.folders, (member.operating_point for member in self.members), strict=True)
        used = [f"{model_name(folder)} is used with its {point}" for folder, point in points if point is not None]
        return "\n".join([*used, super().describe(inputs)])

    def build(self, inputs: Inputs, place: Place) -> Built:
        place.claim()
        if self.rebuild and (place.folder / MANIFEST).exists():  # of the same run, as it has the same fingerprint
            self.tagger.operating_point = read_manifest(place.folder).operating_point
        self.tagger.save(place.folder)
        return Built(self.tagger)


def _load(folder: Path) -> Tagger:
    """A member; ``ConfigError`` if it needs a knowledge base that its folder lacks."""
    manifest = read_manifest(model_folder(folder))
    if manifest.knowledge is not None and f"{EMBEDDED}/{DESCRIPTION}" not in manifest.files:
        got = f"was trained with the knowledge base {manifest.knowledge.hash}, which a member must contain"
        raise ConfigError(f"{folder}: {got}. Fix: train it with --embed-kb (knowledge.embed)")
    return load(folder)


def shared_taxonomy(taggers: Sequence[Tagger], folders: Sequence[Path]) -> Taxonomy:
    """The taxonomy of all taggers; ``ConfigError`` names the folders of two that differ."""
    for tagger, folder in zip(taggers, folders, strict=True):
        if tagger.taxonomy.coarse_by_fine != taggers[0].taxonomy.coarse_by_fine:
            one, two = f"{folders[0]} ({taggers[0].taxonomy.name})", f"{folder} ({tagger.taxonomy.name})"
            raise ConfigError(f"{one}, {two}: got different taxonomies; expected one. Fix: train with data.taxonomy")
    return taggers[0].taxonomy


def member_folders(folder: Path, count: int) -> list[Path]:
    """The folders of the members of a saved model, numbered from 1."""
    return [folder / "members" / str(number) for number in range(1, count + 1)]


def saved_members(folder: Path, manifest: Manifest, count: int) -> list[Path]:
    """The folders of the members of a model that is opened.

    ``ModelError`` if the manifest does not name them and all of their files: otherwise nested links to one folder could
    be opened exponentially often.
    """
    files = ModelFiles(folder, manifest)
    folders = member_folders(folder, count)
    models = [name for name in manifest.files if PurePosixPath(name).name == MANIFEST]
    if len(models) > MAX_MEMBERS:
        raise ModelError(f"{folder / MANIFEST}: got {len(models)} members; expected at most {MAX_MEMBERS}")
    for member in folders:
        place = member.relative_to(folder)
        files.path((place / MANIFEST).as_posix())
        for name in file_names(member):
            files.path((place / name).as_posix())
    return folders


def write_with_members(folder: Path, manifest: Manifest, members: Sequence[Path]) -> None:
    """Write a model folder that contains the folders of its members, completely or not at all."""
    files = [[MANIFEST, *read_manifest(member).files] for member in members]

    def write(temporary: Path) -> None:
        mode = new_file_mode(temporary)
        for source, target, names in zip(members, member_folders(temporary, len(members)), files, strict=True):
            for name in names:
                _link(source / name, target / name, mode)

    write_model(folder, manifest, write)


def _link(source: Path, target: Path, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A hard link shares the permissions, which ``write_model`` sets, and it opens the file to flush it.
        if source.stat().st_mode & 0o777 == mode and os.access(source, os.W_OK):
            target.hardlink_to(source.resolve())
            return
    except OSError:
        pass
    shutil.copyfile(source, target)
