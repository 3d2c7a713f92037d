"""The knowledge base of a tagger: open and check it for training, find it again for the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from coner.core.counted import counted
from coner.core.errors import ConfigError, ModelError
from coner.core.types import Sentence
from coner.data.split import Split
from coner.families.files import ModelFiles
from coner.families.knowledge_use import EMBEDDED, KnowledgeUse
from coner.families.manifest import Manifest
from coner.knowledge import load
from coner.knowledge.description import DESCRIPTION, NAMES, TRIE, read_description
from coner.knowledge.embedded import open_embedded
from coner.knowledge.folder import FolderKnowledge
from coner.knowledge.knowledge import Knowledge, KnowledgeBase
from coner.knowledge.leaks import Leak, find_leak
from coner.knowledge.mentions import text_number
from coner.knowledge.settings import KnowledgeSettings
from coner.knowledge.typed import MAX_TYPES, TypedKnowledge, TypedMatch, choose_types

ORACLE = "knowledge.oracle = true (--oracle) allows it, and marks the record"


class TrainingKnowledge:
    """A knowledge base for training: its matches in training sentences, without their own mentions.

    Args:
        folder: of the knowledge base; errors as of ``coner.knowledge.load``.
        settings: the section ``knowledge``.
        splits: those of the run.

    Raises:
        ConfigError: it has mentions of sentences of dev or test, and ``oracle`` is not set.
    """

    def __init__(self, folder: Path, settings: KnowledgeSettings, splits: Mapping[str, Split]) -> None:
        self.settings, self._splits, self._base = settings, splits, load(folder)
        self._leaks = _check_leaks(self._base, settings, splits)
        counts = self._base.types()
        self.typed = TypedKnowledge(self._base, choose_types(counts))
        self._left_out = len(counts) - len(self.typed.types)
        self._originals: dict[tuple[str, ...], set[int]] = {}

    @property
    def use(self) -> KnowledgeUse:
        """For the manifest."""
        return KnowledgeUse(hash=self._base.hash, types=self.typed.types)

    def learn(self, sentences: Sequence[Sentence], originals: Sequence[Sentence]) -> None:
        """Store which original each training sentence, which may have typos, was made from."""
        for sentence, original in zip(sentences, originals, strict=True):
            self._originals.setdefault(sentence.words, set()).update(map(text_number, (sentence, original)))

    def __call__(self, words: Sequence[str]) -> tuple[TypedMatch, ...]:
        """The typed matches of a training sentence, as if no source had its text."""
        return self.typed(words, leave_out=self._originals[tuple(words)])

    def identity(self) -> dict[str, Any]:
        """The hash and the settings that a tagger depends on, for a fingerprint."""
        settings = self.settings.model_dump(mode="json", exclude={"base", "embed"})
        if not settings.get("text"):
            settings.pop("text", None)  # for the fingerprints of earlier versions
        return {"hash": self._base.hash, **settings}

    def facts(self) -> dict[str, Any]:
        """For the record: the knowledge base, and its leaks from dev and test."""
        description = self._base.description
        values = {"hash": self._base.hash, "names": description.names, "types": len(self.typed.types)}
        values["sources"] = [{"file": s.file, "licence": s.licence} for s in description.sources]
        oracle = {"oracle": {name: leak.sentences for name, leak in self._leaks.items()}} if self._leaks else {}
        return {**values, **oracle}

    def notes(self) -> list[str]:
        """For the log: the names and types that are used or left out, leaks from dev and test, and other warnings."""
        names = counted(self._base.description.names, "name")
        lines = [f"knowledge base {self._base.hash[:12]}: {names}, {counted(len(self.typed.types), 'type')}"]
        if self._left_out:
            lines.append(f"{counted(self._left_out, 'type')} of it left out: the most frequent {MAX_TYPES:,} are used")
        for split, leak in self._leaks.items():
            lines.append(
                f"Warning: oracle: the knowledge base knows {leak.what} of {split}; its scores are not comparable"
            )
        return [*lines, *self._notes_on_copies()]

    def _notes_on_copies(self) -> list[str]:
        """A warning if there are further training files, and the training file is a source of the knowledge base.

        Copies of its sentences with other words, as of ``coner data augment``, are not recognised as its sentences.
        """
        train = self._splits.get("train")
        labelled = {source.file for source in self._base.description.sources}
        texts = set(map(text_number, train.corpus)) if train is not None and train.extras else set()
        if not (files := labelled & self._base.shared(texts).keys()):
            return []
        got = f"the knowledge base has training sentences as a source ({', '.join(sorted(files))})"
        return [f"Warning: {got}: changed copies of them in data.extra still see their names in it"]


def _check_leaks(base: FolderKnowledge, settings: KnowledgeSettings, splits: Mapping[str, Split]) -> dict[str, Leak]:
    """What is known of the splits that are evaluated."""
    found = dict[str, Leak]()
    for name in ("dev", "test"):
        if name not in splits or (leak := find_leak(base, splits[name].corpus)) is None:
            continue
        found[name] = leak
        if not settings.oracle:
            got = f"got a knowledge base that knows {leak.what} of {name} ({leak.source})"
            other = f"build it again with --leave-out {splits[name].corpus.path}" if leak.files else "use another"
            fix = f"Fix: {other}, or name another {name} file"
            raise ConfigError(f"knowledge.base: {got}; expected one without them. {fix}; {ORACLE}")
    return found


def knowledge_of_model(folder: Path, manifest: Manifest, kb: KnowledgeBase | None) -> TypedKnowledge | None:
    """The knowledge base of the model in ``folder``: the embedded one, else ``kb``; ``None`` if it uses none.

    ``ModelError`` if it is not named, or not the one that the model was trained with.
    """
    if (use := manifest.knowledge) is None:
        return None
    if f"{EMBEDDED}/{DESCRIPTION}" in manifest.files:
        files = ModelFiles(folder, manifest)
        kb = folder / EMBEDDED
        for name in read_description(kb).files.keys() - {TRIE} | {NAMES}:
            files.path(f"{EMBEDDED}/{name}")
        base: Knowledge = open_embedded(kb)
    elif kb is None:
        what = f"was trained with the knowledge base {use.hash}"
        raise ModelError(f"{folder}: {what}. Fix: name its folder with --kb DIR (Python: coner.load(..., kb=DIR))")
    else:
        base = load(kb) if isinstance(kb, str | Path) else kb
    if base.hash != use.hash:
        place = kb if isinstance(kb, str | Path) else "kb"
        raise ModelError(
            f"{place}: got the knowledge base {base.hash}; expected {use.hash}, with which {folder} was trained. "
            "Fix: name that one, or train again"
        )
    return TypedKnowledge(base, use.types)


def embed(knowledge: TypedKnowledge, folder: Path) -> None:
    """Write the knowledge base of a tagger into a new folder of its model; ``OSError`` if that fails."""
    base = knowledge.knowledge
    if not isinstance(base, FolderKnowledge):
        raise ConfigError("knowledge.embed: got the knowledge base of a server; expected one in a folder")
    base.embed(folder)
