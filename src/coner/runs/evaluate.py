"""What runs of every kind have in common once there is a tagger: it is judged on parts, and their folder is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coner.core.errors import ConfigError
from coner.core.progress import progress_bar
from coner.core.types import Entity
from coner.data.splits import ALL_SPLITS, Split
from coner.data.taxonomy import Taxonomy
from coner.evaluation.results import Scores
from coner.evaluation.score import score_sentences
from coner.families.asking import Asking, account, answers, check_answered
from coner.families.encoder.training import CHECKPOINT
from coner.families.manifest import remove_model
from coner.families.tagger import Tagger
from coner.records.record import RECORD, Record, read_record
from coner.records.tagged import tagged_path, write_tagged


@dataclass(frozen=True)
class Tagged:
    """What came of tagging a part.

    Attributes:
        scores: of the sentences that have an answer, which are all but where an endpoint owes some.
        seconds: that it took; ``None`` where answers came from a ledger, so that it tells nothing.
        llm: what was asked for it, see ``Account.as_record``; ``None`` where nothing was.
    """

    scores: Scores
    seconds: float | None
    llm: dict[str, Any] | None = None


@dataclass(frozen=True)
class Judge:
    """Tags parts and scores them; what was found is written into the run's folder.

    Attributes:
        tagger, taxonomy: what is judged, and by which labels.
        seen: the mentions of the training part, where there is one.
        folder: of the run.
    """

    tagger: Tagger
    taxonomy: Taxonomy
    seen: set[str] | None
    folder: Path

    def __call__(self, name: str, part: Split) -> Tagged:
        """Tag and score one part; what has no answer is left out.

        Raises:
            Unanswered: nothing of it has an answer.
        """
        began, mended, before = time.monotonic(), self.tagger.repaired, account(self.tagger)
        given = self._answers(name, part)
        seconds, asked = time.monotonic() - began, account(self.tagger).since(before)
        pairs = [(s, entities) for s, entities in zip(part.corpus, given, strict=True) if entities is not None]
        check_answered(asked, len(pairs))
        gold, found = [sentence for sentence, _ in pairs], [entities for _, entities in pairs]
        write_tagged(tagged_path(self.folder, name), gold, found)
        scores = score_sentences(gold, found, groups=self.taxonomy.coarse_by_fine, seen=self.seen)
        repaired = part.corpus.repaired + self.tagger.repaired - mended
        scores = replace(scores, repaired=repaired, skipped=part.corpus.skipped)
        if not isinstance(self.tagger, Asking):
            return Tagged(scores, seconds)
        told = asked.as_record(answered=len(pairs), sentences=len(part.corpus))
        return Tagged(scores, None if asked.spent.get("cached") else seconds, told)

    def _answers(self, name: str, part: Split) -> list[list[Entity] | None]:
        given = []
        with progress_bar(f"tagging {name}", len(part.corpus)) as shown:
            for entities in answers(self.tagger, part.corpus):
                given.append(entities)
                shown.advance()
        return given


def headline(record: Record, part: str) -> str:
    """The scores of a part in one line."""
    fine = record.scores[part]["fine"]
    return f"{part}: micro F1 {fine['micro_f1']:.4f}, macro F1 {fine['macro_f1']:.4f}"


def clear(folder: Path) -> None:
    """Delete what a run wrote into its folder, but for the log and the answers of a language model."""
    remove_model(folder)
    for path in (folder / RECORD, folder / CHECKPOINT, *(tagged_path(folder, part) for part in ALL_SPLITS)):
        path.unlink(missing_ok=True)


def refuse_unfinished(folder: Path) -> None:
    """``ConfigError`` where an encoder's training was broken off in the folder, which another run would spoil."""
    if (folder / CHECKPOINT).exists():
        raise ConfigError(f"{folder}: holds an unfinished run of an encoder; give another --out, or --overwrite")


def earlier_record(folder: Path, fingerprint: str, parts: dict[str, Split], *, overwrite: bool) -> Record | None:
    """What an earlier start of this run recorded in its folder, if there is any, and it is to be kept.

    Raises:
        ConfigError: the folder belongs to another run, finished or not.
    """
    if overwrite:
        return None
    record = read_record(folder) if (folder / RECORD).exists() else None
    if record is not None:
        check_finished(record, folder, fingerprint, parts)
    refuse_unfinished(folder)
    return record


def check_finished(
    record: Record, folder: Path, fingerprint: str, parts: dict[str, Split], *, instead: str = "--overwrite"
) -> dict[str, Split]:
    """The parts that a record does not tell of yet; ``instead`` of another folder, this could be done.

    Raises:
        ConfigError: it is a run of other settings or data, or was scored on another file of a part.
    """
    if record.fingerprint != fingerprint:
        raise ConfigError(f"{folder}: holds a finished run of other settings or data; give another --out, or {instead}")
    told = {name: part for name, part in parts.items() if name != "train"}
    new = {name: part for name, part in told.items() if record.data.get(name, {}).get("sha256") != part.sha256}
    for name, part in new.items():
        if name in record.data:
            raise _scored_otherwise(folder, name, part)
    return new


def _scored_otherwise(folder: Path, name: str, part: Split) -> ConfigError:
    file = part.corpus.path
    if name in ("dev", "test"):
        return ConfigError(
            f"data.{name}: the finished run in {folder} was scored on another file than {file}; "
            f"score it on this one with: coner evaluate {file} {folder}"
        )
    return ConfigError(
        f"data.noise: the finished run in {folder} was scored with other noise in {file.name}; make this noise with "
        f"coner data noise, and score it with: coner evaluate {file} {folder} --noisy FILE"
    )
