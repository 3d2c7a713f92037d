"""What many labels and long sentences cost: processor time and peak memory, beside what coner states before training.

    python benchmarks/limits.py crf 500          # fit a feature CRF on two words of each of 500 labels, one iteration
    python benchmarks/limits.py decoder 999      # a step of an encoder's CRF over 999 labels, and the best path
    python benchmarks/limits.py short 5000       # train an encoder on 5,000 words in sentences of 25
    python benchmarks/limits.py long 5000        # and in one sentence; --kind span: a span classifier

Each prints one line. Run one at a time, in a process of its own: memory is the peak of the process.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from coner.core.progress import SilentLog
from coner.core.tags import TagSet
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.family import TrainingJob
from coner.families.settings import parse_experiment

PER_SENTENCE = 50  # labels in a sentence of the feature CRF


def mebibytes() -> int:
    """Peak memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def mentions(labels: int) -> list[Sentence]:
    """Sentences with a mention of two words of each label."""
    sentences = []
    for first in range(0, labels, PER_SENTENCE):
        numbers = range(first, min(first + PER_SENTENCE, labels))
        words = tuple(f"w{number}x{word}" for number in numbers for word in (0, 1))
        entities = tuple(Entity(2 * at, 2 * at + 2, f"L{number}") for at, number in enumerate(numbers))
        sentences.append(Sentence(words, entities))
    return sentences


def measure_crf(size: int) -> str:
    """One iteration of L-BFGS, and what is stated."""
    from coner.families.crf import cost
    from coner.families.crf.crfsuite import Fitter
    from coner.families.crf.settings import CrfSettings
    from coner.features import Extractor, Lexicon

    sentences, labels = mentions(size), [f"L{number}" for number in range(size)]
    settings = CrfSettings(algorithm="lbfgs", max_iterations=1, features=("word", "prefix"), clusters=())
    lexicon = Lexicon.learn(sentences, sizes=(), seed=1, cluster_file=None)
    fitter, before = Fitter(sentences, TagSet(labels), Extractor(settings.features, lexicon), 1), mebibytes()
    began = time.process_time()
    fitter.fit(settings, "fitting")
    seconds, stated = time.process_time() - began, cost.seconds([settings], labels, sentences)
    return f"{seconds:.1f} s, stated {stated:.1f} s; {mebibytes() - before} MiB more"


def measure_decoder(size: int) -> str:
    """The loss with its gradient, and the best path."""
    from coner.families.encoder import cost
    from coner.families.encoder.decoder import decoders

    before = mebibytes()
    decoder = decoders["crf"](TagSet([f"L{number}" for number in range(size)]))
    trained, tagged = cost.seconds_per_word(decoder)
    return (
        f"{1000 * trained:.2f} ms a word in training, {1000 * tagged:.2f} in tagging; {mebibytes() - before} MiB more"
    )


def measure_words(lengths: list[int], kind: str) -> str:
    """An epoch of training with ``minilm`` on sentences of these numbers of words."""
    from coner.families.encoder.fit import prepare as prepare_encoder
    from coner.families.span.fit import prepare as prepare_span

    words = ["the", "river", "flows", "through", "basel", "to", "a", "city", "by", "sea"]
    sentences = [
        Sentence(tuple(words[at % 10] for at in range(n)), tuple(Entity(at, at + 2, "A") for at in range(0, n - 1, 10)))
        for n in lengths
    ]
    settings = parse_experiment({"kind": kind, "encoder": {"name": "minilm"}, "train": {"device": "cpu", "epochs": 1}})
    with tempfile.TemporaryDirectory() as folder:
        taxonomy = Taxonomy("one", {"One": {"A": ""}})
        job = TrainingJob(
            folder=Path(folder), fingerprint="x", log=SilentLog(), train=sentences, dev=sentences[:1], taxonomy=taxonomy
        )
        tuning = prepare_span(settings, job) if kind == "span" else prepare_encoder(settings, job)
        before, began = mebibytes(), time.process_time()
        for batch in tuning.trainer.batches.epoch(0):
            tuning.trainer.step(batch)
    seconds = time.process_time() - began
    return f"{1000 * seconds / sum(lengths):.2f} ms a word; {mebibytes() - before} MiB more"


MEASURES: dict[str, Callable[[int, str], str]] = {
    "crf": lambda size, _: measure_crf(size),
    "decoder": lambda size, _: measure_decoder(size),
    "short": lambda size, kind: measure_words([25] * (size // 25), kind),
    "long": lambda size, kind: measure_words([size], kind),
}


def main() -> None:
    """Print one measurement."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=MEASURES)
    parser.add_argument("size", type=int, help="labels, or words")
    parser.add_argument("--kind", choices=["encoder", "span"], default="encoder", help="for short and long")
    arguments = parser.parse_args()
    line = MEASURES[arguments.what](arguments.size, arguments.kind)
    sys.stdout.write(f"{arguments.what} {arguments.size:,}: {line}\n")


if __name__ == "__main__":
    main()
