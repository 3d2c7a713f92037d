"""Tagging with the feature CRF, from words to entities: ours compared with sklearn-crfsuite on the same features.

    python benchmarks/crf_tagging.py [--train FILE --dev FILE] [--text FILE] [--rounds 9]

Both are trained on the same file by the same algorithm, with the same settings and features, then tag --text
(default: dev); F1 is on dev. Ours reads the likely mentions (its default) or the best path; the peer has the best path
only. "New text": no word is cached, as in a new process (loading is not timed on either side). "Known words": all words
are cached, as most are in a long text. "Features given": the features of the peer are computed before. Garbage is
collected before each run, so that neither side pays for the other.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence

import peer_crf
from harness import Row, arguments, command, compare, existing, report
from peer_crf import Task
from sklearn_crfsuite import CRF  # type: ignore[import-untyped]

from coner.core.types import Entity, Sentence
from coner.data import read
from coner.families.crf.tagger import CrfTagger

PEER = "sklearn-crfsuite"


class Ours:
    """Our tagger, whose cache can be cleared.

    Attributes:
        threshold: of likely mentions; ``None``: the best path.
    """

    def __init__(self, tagger: CrfTagger, text: Sequence[Sentence]) -> None:
        self.tagger, self.text, self.threshold = tagger, text, tagger.threshold

    def clear_cache(self) -> None:
        """Replace the tagger by a copy without cached words."""
        old = self.tagger
        self.tagger = CrfTagger(old.weights, old.extractor.lexicon, old.manifest)
        gc.collect()

    def __call__(self) -> list[list[Entity]]:
        """Tag the text."""
        return self.tag(self.text)

    def tag(self, sentences: Sequence[Sentence]) -> list[list[Entity]]:
        """Tag any sentences."""
        self.tagger.threshold = self.threshold
        return self.tagger.tag(sentences)


def fit_peer(task: Task, tagger: CrfTagger) -> CRF:
    """Train the peer with our settings and our lexicon."""
    return CRF(**peer_crf.settings_of_ours(task)).fit(*peer_crf.training_data(task, tagger.extractor.lexicon))


def measure(
    task: Task, text: Sequence[Sentence], tagger: CrfTagger, model: CRF, rounds: int
) -> tuple[list[Row], dict[str, object]]:
    """Measure times and F1."""
    ours, lexicon, likely = Ours(tagger, text), tagger.extractor.lexicon, tagger.threshold
    peer_crf.check_features(task, lexicon)
    texts = [sentence.words for sentence in text]
    dev = [peer_crf.sentence_features(sentence.words, lexicon) for sentence in task.dev]
    features = [peer_crf.sentence_features(words, lexicon) for words in texts]

    def theirs() -> object:
        return peer_crf.tag(model, [peer_crf.sentence_features(words, lexicon) for words in texts])

    rows = []
    f1: dict[str, object] = {f"F1 micro, macro: {PEER}": task.f1(peer_crf.tag(model, dev))}
    for how, ours.threshold in (("likely mentions", likely), ("best path", None)):
        f1[f"F1 micro, macro: coner, {how}"] = task.f1(ours.tag(task.dev))
        rows += [
            compare(f"{how}, new text", PEER, ours, theirs, rounds=rounds, before=ours.clear_cache, goal=4),
            compare(f"{how}, known words", PEER, ours, theirs, rounds=rounds, before=gc.collect),
            compare(
                f"{how}, known words; features given",
                PEER,
                ours,
                lambda: peer_crf.tag(model, features),
                rounds=rounds,
                before=gc.collect,
            ),
        ]
    sizes = {"training sentences": len(task.train), "sentences": len(texts)}
    return rows, {**sizes, "words": sum(map(len, texts)), "tags": len(tagger.tags), **f1}


def main() -> None:
    """Train both, then measure."""
    parser = arguments(__doc__, rounds=9)
    peer_crf.add_files(parser)
    parser.add_argument("--text", type=existing, help="file to tag; default: --dev")
    options = parser.parse_args()
    task = Task.load(options.train, options.dev)
    tagger = peer_crf.train_ours(task).tagger
    text = list(read(options.text)) if options.text else task.dev
    rows, facts = measure(task, text, tagger, fit_peer(task, tagger), options.rounds)
    packages = ["coner", "numpy", "python-crfsuite", "sklearn-crfsuite"]
    report(options.out / "crf_tagging.json", "Tagging with the feature CRF", rows, packages=packages, facts=facts)


if __name__ == "__main__":
    command(main)
