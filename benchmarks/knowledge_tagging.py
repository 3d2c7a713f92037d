"""What a knowledge base adds to the time of tagging: an encoder with type vectors, and the same encoder without.

    python benchmarks/knowledge_tagging.py --kb kb --text dev.conll --out benchmarks/results [--rounds 5]

Both taggers have the pretrained encoder and a new head; the time does not depend on training. ``new text``: what is
known about words and names is forgotten before each round, so that every name is read from the database.
"""

from __future__ import annotations

from pathlib import Path

import torch
from harness import arguments, command, compare, positive, report

import coner
from coner.core.types import Sentence
from coner.data.taxonomy import load_taxonomy
from coner.families.encoder.settings import EncoderManifest
from coner.families.encoder.tagger import EncoderTagger
from coner.families.knowledge_use import KnowledgeUse
from coner.families.settings import parse_experiment
from coner.knowledge.folder import FolderKnowledge
from coner.knowledge.typed import TypedKnowledge, choose_types


def tagger(encoder: str, base: FolderKnowledge | None, path: Path) -> EncoderTagger:
    """A tagger that is not trained, with the knowledge base or without one."""
    values = {"kind": "encoder", "encoder": {"name": encoder}}
    settings = parse_experiment(values if base is None else {**values, "knowledge": {"base": str(path)}})
    types = () if base is None else choose_types(base.types())
    use = None if base is None else KnowledgeUse(hash=base.hash, types=types)
    taxonomy = load_taxonomy("multiconer2")
    manifest = EncoderManifest(
        kind="encoder", labels=taxonomy.labels, taxonomy=taxonomy, settings=settings, knowledge=use
    )
    torch.manual_seed(1)
    made = EncoderTagger.pretrained(manifest, torch.device("cpu"))
    made.knowledge = None if base is None else TypedKnowledge(base, types)
    return made


def main() -> None:
    """Measure."""
    parser = arguments(__doc__)
    parser.add_argument("--kb", type=Path, required=True)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--sentences", type=positive, default=500)
    parser.add_argument("--encoder", default="minilm")
    options = parser.parse_args()
    base = FolderKnowledge(options.kb)
    sentences: list[Sentence] = list(coner.read(options.text, gold=True))[: options.sentences]
    informed, plain = (tagger(options.encoder, each, options.kb) for each in (base, None))

    def forget() -> None:
        base.forget()
        informed.knowledge = TypedKnowledge(base, informed.knowledge.types)  # type: ignore[union-attr]

    what = f"{len(sentences):,} sentences with {options.encoder}"
    ours, theirs = (lambda: informed.tag(sentences)), (lambda: plain.tag(sentences))
    rows = [
        compare(f"{what}, new text", "without knowledge", ours, theirs, rounds=options.rounds, before=forget),
        compare(what, "without knowledge", ours, theirs, rounds=options.rounds),
    ]
    matches = sum(len(informed.knowledge(sentence.words)) for sentence in sentences)  # type: ignore[misc]
    facts: dict[str, object] = {
        "names": base.description.names,
        "matches a sentence": round(matches / len(sentences), 2),
    }
    facts |= {f"added, {each.work}": f"{100 * (1 / each.ratio - 1):.1f} %" for each in rows}
    report(options.out / "knowledge_tagging.json", "Tagging", rows, packages=["coner", "torch"], facts=facts)


if __name__ == "__main__":
    command(main)
