"""Tagging with the feature CRF, from words to entities: ours beside sklearn-crfsuite with the same features.

    python benchmarks/crf_tagging.py [--train FILE --dev FILE] [--text FILE] [--rounds 9]

Both are trained on the same file by the same algorithm, with the same settings and features, then tag --text (dev, if
none is named); F1 is that on dev. Ours reads the likely mentions (its default) or the best path; the peer has the best
path only. "New text": the tagger has met no word before, as in a new process (loading does not count on either side).
"Known words": it has met them all, as it has most of them in a long text. "Features given" leaves the peer its
prediction alone. What a side leaves behind is cleared before the next clock begins, so that neither pays for the other.
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
    """Our tagger, to be made anew without training.

    Attributes:
        threshold: of likely mentions; ``None``: the best path.
    """

    def __init__(self, tagger: CrfTagger, text: Sequence[Sentence]) -> None:
        self.tagger, self.text, self.threshold = tagger, text, tagger.threshold

    def renew(self) -> None:
        """Forget every word."""
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
    """The peer's model by our settings, with our lexicon."""
    return CRF(**peer_crf.settings_of_ours(task)).fit(*peer_crf.training_data(task, tagger.extractor.lexicon))


def measure(
    task: Task, text: Sequence[Sentence], tagger: CrfTagger, model: CRF, rounds: int
) -> tuple[list[Row], dict[str, object]]:
    """Times, and F1."""
    ours, lexicon, likely = Ours(tagger, text), tagger.extractor.lexicon, tagger.threshold
    peer_crf.check_features(task, lexicon)
    texts = [sentence.words for sentence in text]
    dev = [peer_crf.sentence_features(sentence.words, lexicon) for sentence in task.dev]
    given = [peer_crf.sentence_features(words, lexicon) for words in texts]

    def theirs() -> object:
        return peer_crf.tag(model, [peer_crf.sentence_features(words, lexicon) for words in texts])

    rows = []
    f1: dict[str, object] = {f"F1 micro, macro: {PEER}": task.f1(peer_crf.tag(model, dev))}
    for how, ours.threshold in (("likely mentions", likely), ("best path", None)):
        f1[f"F1 micro, macro: coner, {how}"] = task.f1(ours.tag(task.dev))
        rows += [
            compare(f"{how}, new text", PEER, ours, theirs, rounds=rounds, before=ours.renew, goal=4),
            compare(f"{how}, known words", PEER, ours, theirs, rounds=rounds, before=gc.collect),
            compare(
                f"{how}, known words; features given",
                PEER,
                ours,
                lambda: peer_crf.tag(model, given),
                rounds=rounds,
                before=gc.collect,
            ),
        ]
    return rows, {"sentences": len(texts), "words": sum(map(len, texts)), "tags": len(tagger.tags), **f1}


def main() -> None:
    """Train both, then measure."""
    parser = arguments(__doc__, rounds=9)
    peer_crf.add_files(parser)
    parser.add_argument("--text", type=existing, help="to be tagged; default: --dev")
    options = parser.parse_args()
    task = Task.load(options.train, options.dev)
    tagger = peer_crf.train_ours(task).tagger
    text = list(read(options.text)) if options.text else task.dev
    rows, facts = measure(task, text, tagger, fit_peer(task, tagger), options.rounds)
    packages = ["coner", "numpy", "python-crfsuite", "sklearn-crfsuite"]
    report(options.out / "crf_tagging.json", "Tagging with the feature CRF", rows, packages=packages, facts=facts)


if __name__ == "__main__":
    command(main)
