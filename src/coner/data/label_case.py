"""Labels that differ from known ones in case only: ``per`` where others write ``PER``."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace

from coner.core.types import Sentence
from coner.data.corpus import Corpus


def other_case(labels: Collection[str], known: Collection[str]) -> dict[str, str]:
    """The known label of each unknown one that differs from just one of them, and in case only."""
    alike = defaultdict[str, list[str]](list)
    for label in sorted(known):
        alike[label.casefold()].append(label)
    unknown = sorted(set(labels) - set(known))
    return {label: found[0] for label in unknown if len(found := alike.get(label.casefold(), [])) == 1}


def rename_hint(labels: Collection[str], known: Collection[str]) -> str:
    """Advice to rename labels that differ from known ones in case only; empty if none do."""
    options = [f"--rename {shlex.quote(f'{label}={name}')}" for label, name in other_case(labels, known).items()]
    return f". Fix: if they differ in case only, {' '.join(options)}" if options else ""


def in_case_of(predicted: Corpus, gold: Corpus) -> Corpus:
    """Predictions with the labels of gold where they differ in case only, and a note if there are any."""
    names = other_case(predicted.labels, gold.labels)
    if not names:
        return predicted

    def renamed(sentence: Sentence) -> Sentence:
        entities = sentence.entities or ()
        return replace(sentence, entities=tuple([replace(e, label=names.get(e.label, e.label)) for e in entities]))

    note = f"labels are read in the case of gold: {', '.join(f'{a} as {b}' for a, b in names.items())}"
    return replace(predicted, sentences=tuple(map(renamed, predicted)), notes=(*predicted.notes, note))
