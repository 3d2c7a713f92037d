"""Evaluate a tagger on the splits of a run."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from coner.data.splits import Split
from coner.data.taxonomy import Taxonomy
from coner.evaluation.score import score_sentences
from coner.families.tagger import Tagger
from coner.records.recording import Evaluated
from coner.records.tagged import tagged_path, write_tagged
from coner.tagging.stream import tag_all


@dataclass(frozen=True)
class Evaluated:
    """Scores of one split.

    Attributes:
        scores: over the sentences that have an answer.
        seconds: for tagging; ``None`` if some answers came from a ledger, which says nothing about speed.
        llm: usage of an endpoint, see ``Usage.as_record``; ``None`` if none was asked.
    """

    scores: Scores
    seconds: float | None
    llm: dict[str, Any] | None = None


@dataclass(frozen=True)
class Evaluator:
    """Tags and scores splits, and writes the predictions into the run's folder.

    Attributes:
        tagger: to evaluate.
        taxonomy: of the labels.
        seen: the mentions of the training split; ``None`` if there is none.
        folder: of the run.
    """

    tagger: Tagger
    taxonomy: Taxonomy
    seen: set[str] | None
    folder: Path

    def __call__(self, name: str, split: Split) -> Evaluated:
        """Tag and score one split, without the sentences that have no answer.

        Raises:
            Unanswered: no sentence has an answer.
        """
        began = time.monotonic()
        predictions, tally = tag_all(self.tagger, split.corpus, f"tagging {name}")
        seconds = time.monotonic() - began
        pairs = [(p.sentence, p.entities) for p in predictions if p.entities is not None]
        gold, predicted = [sentence for sentence, _ in pairs], [entities for _, entities in pairs]
        write_tagged(tagged_path(self.folder, name), gold, predicted)
        scores = score_sentences(gold, predicted, groups=self.taxonomy.coarse_by_fine, seen=self.seen)
        scores = replace(scores, repaired=split.corpus.repaired + tally.repaired, skipped=split.corpus.skipped)
        if tally.usage is None:
            return Evaluated(scores, seconds)
        llm = tally.usage.as_record(tally.failures, answered=tally.answered, sentences=tally.sentences)
        return Evaluated(scores, None if tally.usage.spent.get("cached") else seconds, llm)
