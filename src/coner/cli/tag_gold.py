"""A model's answers to gold sentences, and to their copy with typos, for ``coner evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from coner.cli.spending import tell

if TYPE_CHECKING:
    from coner.core.types import Entity, Sentence
    from coner.data import Corpus
    from coner.families.tagger import Tagger

CHUNK = 1024  # sentences between two steps of the progress bar
CALLS = 64  # of a language model, the same


@dataclass(frozen=True)
class Given:
    """Sentences that have an answer, and the answers.

    Attributes:
        corpus, found: gold, and what was found in it.
        copy, again: the same of the copy with typos; empty where there is none.
        repaired, repaired_again: tags that had to be mended.
        asked: what a language model was asked, and what a sentence of gold took; empty where none was.
        whole: every sentence has an answer.
    """

    corpus: Corpus
    found: Sequence[Sequence[Entity]]
    copy: Sequence[Sentence] = ()
    again: Sequence[Sequence[Entity]] = ()
    repaired: int = 0
    repaired_again: int = 0
    asked: dict[str, Any] = field(default_factory=dict)
    whole: bool = True


def tag_gold(tagger: Tagger, corpus: Corpus, copy: Sequence[Sentence]) -> Given:
    """Tag both; what has no answer in one of them is left out of both, and told.

    Raises:
        Unanswered: nothing has an answer.
    """
    from coner.families.asking import Asking, account, check_answered

    given, repaired = _tagged(tagger, corpus)
    gold = account(tagger)
    again, repaired_again = _tagged(tagger, copy)
    kept = [i for i, found in enumerate(given) if found is not None and (not copy or again[i] is not None)]
    asked = account(tagger)
    check_answered(asked, len(kept))
    whole = tell(tagger, asked, len(corpus) + len(copy))
    values: dict[str, Any] = {}
    if isinstance(tagger, Asking):
        shares = gold.shares(len(given) - given.count(None))
        values = {**asked.as_record(answered=len(kept), sentences=len(corpus)), **shares}
    return Given(
        replace(corpus, sentences=tuple(corpus[i] for i in kept)),
        [given[i] or () for i in kept],
        [copy[i] for i in kept if copy],
        [again[i] or () for i in kept if copy],
        repaired,
        repaired_again,
        values,
        whole,
    )


def _tagged(tagger: Tagger, sentences: Sequence[Sentence]) -> tuple[list[list[Entity] | None], int]:
    """Entities of each sentence, and how many tags were mended."""
    from coner.core.progress import progress_bar
    from coner.families.asking import Asking, answers

    found: list[list[Entity] | None] = []
    size = CALLS * tagger.together if isinstance(tagger, Asking) else CHUNK
    before = tagger.repaired
    with progress_bar("tagging", len(sentences)) as shown:
        for start in range(0, len(sentences), size):
            chunk = sentences[start : start + size]
            found.extend(answers(tagger, chunk))
            shown.advance(len(chunk))
    return found, tagger.repaired - before
