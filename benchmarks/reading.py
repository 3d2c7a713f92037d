"""Reading CoNLL: ours compared with NLTK's ConllCorpusReader, and the memory that ours takes.

    python benchmarks/reading.py [--sentences 250000] [--rounds 5]

The file repeats the packaged sample, without headers, which NLTK cannot read. NLTK yields pairs of word and tag; ours
checks every line and tag, and yields mentions too. Memory is the peak of a process that streams a tenth of the
sentences, and of one that streams all.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import nltk  # type: ignore[import-untyped]
from harness import SAMPLE, arguments, command, compare, positive, report
from nltk.corpus.reader import ConllCorpusReader  # type: ignore[import-untyped]

from coner.core.tags import tags_from_entities
from coner.data import read, stream

PEAK = """
import re, resource, sys
from pathlib import Path
from coner.data import stream
for _ in stream(sys.argv[1]): pass
status = Path("/proc/self/status")
if status.exists():  # a peak from getrusage may be that of the parent process
    print(int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) / 1024)
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10))
"""


def generate(path: Path, count: int) -> None:
    """Write ``count`` sentences in four columns."""
    sentences = [s for split in ("train", "dev", "test") for s in read(SAMPLE / f"{split}.conll", gold=True)]
    blocks = []
    for sentence in sentences:
        tags = tags_from_entities(sentence.entities or (), len(sentence))
        blocks.append("".join(f"{w} _ _ {tag}\n" for w, tag in zip(sentence.words, tags, strict=True)) + "\n")
    with path.open("w", encoding="utf-8") as file:
        file.writelines(blocks[index % len(blocks)] for index in range(count))


def exhaust_ours(path: Path) -> int:
    """Stream all sentences, and return their number."""
    return sum(1 for _ in stream(path, gold=True))


def exhaust_nltk(path: Path) -> int:
    """``exhaust_ours`` with NLTK."""
    reader = ConllCorpusReader(str(path.parent), [path.name], columntypes=("words", "ignore", "ignore", "pos"))
    return sum(1 for _ in reader.tagged_sents())


def peak(path: Path) -> float:
    """Peak memory of a process that streams the file, in MiB."""
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Generate, measure."""
    parser = arguments(__doc__)
    parser.add_argument("--sentences", type=positive, default=250_000)
    options = parser.parse_args()
    count, tenth = options.sentences, max(1, options.sentences // 10)
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder, "large.conll"), Path(folder, "small.conll")
        nltk.data.path.append(folder)  # NLTK reads nothing outside of the folders named there
        generate(large, count)
        generate(small, tenth)
        memory = {f"peak MiB, {n:,} sentences": round(peak(path), 1) for n, path in ((tenth, small), (count, large))}
        assert exhaust_ours(small) == exhaust_nltk(small) == tenth
        work = f"{count:,} sentences, {large.stat().st_size / 1e6:.0f} MB"
        row = compare(
            work,
            "NLTK",
            lambda: exhaust_ours(large),
            lambda: exhaust_nltk(large),
            rounds=options.rounds,
            warm=0,
            goal=1,
        )
    report(options.out / "reading.json", "Reading CoNLL", [row], packages=["coner", "nltk"], facts={**memory})


if __name__ == "__main__":
    command(main)
