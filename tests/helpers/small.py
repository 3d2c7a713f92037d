"""A small corpus that a CRF memorises within a second."""

from __future__ import annotations

from coner.core.progress import Log
from coner.core.types import Entity, Sentence
from coner.data.taxonomy import Taxonomy
from coner.families.crf import fit as crf
from coner.families.crf.settings import CrfExperiment, CrfSettings
from coner.families.crf.tagger import CrfTagger

NAMES = {"Artist": ["nina simone", "prince", "miles davis"], "City": ["oslo", "new york", "rio de janeiro"]}
FRAMES = {
    "Artist": ["an album by {} was released", "{} sang"],
    "City": ["they moved to {} in spring", "{} has a harbour"],
}
TAXONOMY = Taxonomy("tiny", {"Person": {"Artist": ""}, "Place": {"City": ""}})
SETTINGS = {"c2": 0.01, "max_iterations": 30, "clusters": ()}


def _sentence(frame: str, name: str, label: str) -> Sentence:
    start = frame.split().index("{}")
    return Sentence(tuple(frame.replace("{}", name).split()), (Entity(start, start + len(name.split()), label),))


CORPUS = [_sentence(frame, name, label) for label in NAMES for frame in FRAMES[label] for name in NAMES[label]]


def small_crf() -> CrfTagger:
    """A CRF trained on the corpus."""
    settings = CrfExperiment(kind="crf", crf=CrfSettings.model_validate(SETTINGS))
    return crf.train(settings, train=CORPUS, dev=CORPUS, taxonomy=TAXONOMY, log=Log()).tagger
