"""Names in sentences: a knowledge base compared with a dict of the same names and with Aho-Corasick.

    python benchmarks/knowledge.py [--names 6000000] [--work DIR] [--rounds 5]
    python benchmarks/knowledge.py --sources FILE... --text FILE [--work DIR] [--rounds 5]

Names of one to four words and sentences of 20 words are drawn from one vocabulary with Zipf's frequencies, so that
most sentences have matches. The dict is asked for every span of up to four words; the automaton (ahocorasick-rs)
searches the normalised text, and what does not begin and end with a word is left out. Both get normalised words, find
the same matches as ours, and know no types, which ours reads too. ``--work`` keeps the knowledge base for the next
start. Time to load and memory are those of a fresh process that opens it, and that then matches all sentences; the
others are of further rounds over them, in which names that were read are known.

With ``--sources``, names of these files are searched with and without ``--edits 1``, in the words of a labelled file,
cut into sentences; and again each of its mentions that a name covers, after one typo in it (``coner.data.noise``).
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from statistics import median

import ahocorasick_rs  # type: ignore[import-not-found]
from harness import arguments, command, compare, existing, positive, report

from coner.core.types import Sentence
from coner.data import read
from coner.data.noise import Noise, load_keyboard
from coner.knowledge.build import BuildSettings, build
from coner.knowledge.description import VARIANTS
from coner.knowledge.folder import FolderKnowledge
from coner.knowledge.normalisation import NormalisationSettings, Normaliser

SENTENCES, LENGTH, TYPES, LONGEST = 2000, 20, 50, 4  # the last: words of a name
Spans = list[tuple[int, int]]
LOAD = """
import json, re, sys, time
from pathlib import Path
from coner.knowledge.folder import FolderKnowledge
def memory():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
before, start = memory(), time.perf_counter()
kb = FolderKnowledge(Path(sys.argv[1]))
loaded, opened = time.perf_counter() - start, memory()
sentences = [line.split() for line in open(sys.argv[2])]
start = time.perf_counter()
for words in sentences:
    kb.match(words)
first = 1000 * (time.perf_counter() - start) / len(sentences)
print(json.dumps({"s to load": round(loaded, 3), "MiB, loaded": round(opened - before, 1),
                  "MiB, after all sentences": round(memory() - before, 1),
                  "ms per sentence, first time": round(first, 4)}))
"""


class Words:
    """Words with Zipf's frequencies."""

    def __init__(self, number: int, generator: random.Random) -> None:
        syllables = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "an", "er", "is")]
        self.all = ["".join(generator.choices(syllables, k=generator.randint(1, 4))) for _ in range(number)]
        self._weights = [*accumulate(1 / rank for rank in range(1, number + 1))]
        self._generator = generator

    def draw(self, count: int) -> list[str]:
        """Words of a sentence or a name."""
        return self._generator.choices(self.all, cum_weights=self._weights, k=count)


def generate(path: Path, number: int, generator: random.Random) -> None:
    """Write a table of names; a name of one word is not one of the most frequent ones, as few names are."""
    words = Words(200_000, generator)
    rare = words.all[1000:]
    with path.open("w", encoding="utf-8") as file:
        for line in range(number):
            name = words.draw(generator.randint(1, 4))
            if len(name) == 1:
                name = [generator.choice(rare)]
            row = {"name": " ".join(name), "types": [f"type {line % TYPES}"], "prior": generator.randint(0, 99)}
            file.write(json.dumps(row) + "\n")


def by_dict(names: set[str], sentences: Sequence[Sequence[str]]) -> list[Spans]:
    """Every span of up to ``LONGEST`` words that is a name."""
    found = []
    for words in sentences:
        spans = []
        for start in range(len(words)):
            for end in range(start + 1, min(len(words), start + LONGEST) + 1):
                if " ".join(words[start:end]) in names:
                    spans.append((start, end))
        found.append(spans)
    return found


def by_automaton(automaton: ahocorasick_rs.AhoCorasick, sentences: Sequence[Sequence[str]]) -> list[Spans]:
    """The names in the text of each sentence, as spans of words; each pattern has a space at both ends."""
    found = []
    for words in sentences:
        ends = dict(zip(accumulate((len(word) + 1 for word in words), initial=0), range(len(words) + 1), strict=True))
        text = f" {' '.join(words)} "
        matches = automaton.find_matches_as_indexes(text, overlapping=True)
        found.append(sorted((ends[start], ends[end - 1]) for _, start, end in matches))
    return found


def measure_edits(options: argparse.Namespace, work: Path) -> None:
    """Search names of files exactly, and one edit apart."""
    bases, facts = list[FolderKnowledge](), dict[str, object]()
    for edits in (0, 1):
        if not (work / f"edits-{edits}/kb.json").exists():
            build(options.sources, work / f"edits-{edits}", BuildSettings(edits=edits))
        bases.append(FolderKnowledge(work / f"edits-{edits}"))
    exact, near = bases
    corpus = read(options.text, gold=True).sentences
    words = [word for sentence in corpus for word in sentence.words]
    sentences = [words[i : i + LENGTH] for i in range(0, len(words), LENGTH)][:SENTENCES]
    index = near.description.files[VARIANTS].bytes
    facts |= {"names": exact.description.names, "MB of the index of edits": round(index / 1e6, 1)}
    facts["sentences"] = len(sentences)
    times = [(processor_time(exact, sentences), processor_time(near, sentences)) for _ in range(options.rounds + 1)][1:]
    for how, of_rounds in zip(("exact", "one edit"), zip(*times, strict=True), strict=True):
        facts[f"ms of processor time per sentence, {how}"] = round(1000 * median(of_rounds) / len(sentences), 3)
    packages = ["coner", "marisa-trie", "numpy"]
    facts |= found_with_a_typo(exact, near, corpus)
    report(options.out / "knowledge_edits.json", "Names one edit apart", [], packages=packages, facts=facts)


def processor_time(knowledge: FolderKnowledge, sentences: Sequence[Sequence[str]]) -> float:
    """Seconds of the processor for all sentences, whatever other processes do."""
    start = time.process_time()
    for sentence in sentences:
        knowledge.match(sentence)
    return time.process_time() - start


def found_with_a_typo(exact: FolderKnowledge, near: FolderKnowledge, corpus: Sequence[Sentence]) -> dict[str, int]:
    """How many of the mentions that a name covers still match this name after a typo in one of their words."""
    noise, counts = Noise(load_keyboard("qwerty"), rate=1, where="mentions", words=1), Counter[str]()
    for sentence in corpus:
        known = {(match.start, match.end): match.alias for match in exact.match(sentence.words)}
        for mention in sentence.entities or ():
            if (alias := known.get((mention.start, mention.end))) is None:
                continue
            [noisy] = noise([replace(sentence, entities=(mention,))])
            counts["mentions that a name covers"] += 1
            for how, knowledge in (("exact", exact), ("one edit", near)):
                found = {(match.start, match.end): match.alias for match in knowledge.match(noisy.words)}
                match = found.get((mention.start, mention.end))
                counts[f"found after a typo, {how}"] += match == alias
                counts[f"another name after a typo, {how}"] += match not in (alias, None)
    return dict(counts)


def main() -> None:
    """Build, measure."""
    parser = arguments(__doc__)
    parser.add_argument("--names", type=positive, default=6_000_000)
    parser.add_argument("--work", type=Path, default=None)
    parser.add_argument("--sources", type=existing, nargs="+", default=[])
    parser.add_argument("--text", type=existing, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        if options.sources:
            measure_edits(options, work)
            return
        generator, table, facts = random.Random(1), work / "names.jsonl", dict[str, object]()
        if not table.exists():
            generate(table, options.names, generator)
        if not (work / "kb/kb.json").exists():
            began = time.perf_counter()
            build([table], work / "kb", BuildSettings())
            facts["s to build"] = round(time.perf_counter() - began)
        kb = FolderKnowledge(work / "kb")
        size = sum(file.bytes for file in kb.description.files.values())
        facts |= {"names": kb.description.names, "MB on disk": round(size / 1e6)}
        words = Words(200_000, random.Random(1))
        sentences = [words.draw(LENGTH) for _ in range(SENTENCES)]
        (work / "sentences.txt").write_text("".join(" ".join(sentence) + "\n" for sentence in sentences))
        done = subprocess.run(
            [sys.executable, "-c", LOAD, str(work / "kb"), str(work / "sentences.txt")],
            capture_output=True,
            text=True,
            check=True,
        )
        facts |= json.loads(done.stdout)
        normalise = Normaliser(NormalisationSettings())
        names = {normalise(json.loads(line)["name"]) for line in table.open(encoding="utf-8")}
        automaton = ahocorasick_rs.AhoCorasick([f" {name} " for name in names])

        def ours() -> list[Spans]:
            return [[(match.start, match.end) for match in kb.match(sentence)] for sentence in sentences]

        assert ours() == by_dict(names, sentences) == by_automaton(automaton, sentences)
        facts["matches per sentence"] = round(sum(map(len, ours())) / SENTENCES, 1)
        what = f"{SENTENCES:,} sentences of {LENGTH} words"
        rows = [
            compare(what, "dict of names", ours, lambda: by_dict(names, sentences), rounds=options.rounds),
            compare(what, "ahocorasick-rs", ours, lambda: by_automaton(automaton, sentences), rounds=options.rounds),
        ]
        facts["ms per sentence"] = round(1000 * rows[0].ours / SENTENCES, 4)
    packages = ["coner", "marisa-trie", "ahocorasick-rs"]
    report(options.out / "knowledge.json", "Names in sentences", rows, packages=packages, facts=facts)


if __name__ == "__main__":
    command(main)
