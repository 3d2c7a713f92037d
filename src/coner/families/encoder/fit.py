"""Fine-tune an encoder tagger."""

from __future__ import annotations

from accelerate.utils import set_seed

from coner.families.encoder.auxiliary import coarse_weight
from coner.families.encoder.backbone.warm_start import WarmStart, load_matching, trained_encoder
from coner.families.encoder.build import Backbone, build, pretrained_backbone, tag_sets
from coner.families.encoder.cpu.process import restored_process
from coner.families.encoder.objective import TaggingObjective, tag_counts
from coner.families.encoder.settings import EncoderExperiment, EncoderManifest, EncoderSettings
from coner.families.encoder.tagger import EncoderTagger
from coner.families.encoder.training.fine_tuning import FineTuning, fine_tuning
from coner.families.encoder.training.process_group import ProcessGroup
from coner.families.encoder.training.settings import TrainSettings
from coner.families.family import Built, TrainingJob
from coner.families.manifest import parse_manifest


def fit(settings: EncoderExperiment, job: TrainingJob) -> Built:
    """Fine-tune a tagger, alone or with the other processes that a launcher started; see ``FineTuning.run``."""
    with restored_process():
        tuning = prepare(settings, job)
        job.claim()
        return tuning.run()


def prepare(settings: EncoderExperiment, job: TrainingJob) -> FineTuning:
    """Build tagger and trainer from settings and data.

    Raises:
        ConfigError: a setting does not fit the encoder, the model to start from, or this machine.
    """
    processes, backbone = start(settings.encoder, settings.train, seed=settings.seed, job=job)
    counts = tag_counts(job.train, job.weights, tag_sets(settings, job.taxonomy)[0])
    tagger = build(settings, backbone, taxonomy=job.taxonomy, counts=counts)
    warm_start = _warm_start(tagger, job)
    objective = TaggingObjective(
        tagger,
        job.train,
        job.weights,
        coarse_weight=lambda epoch: coarse_weight(settings.auxiliary, epochs=settings.train.epochs, progress=epoch),
        scale=settings.auxiliary.scale,
    )
    return fine_tuning(
        tagger, objective, settings.train, seed=settings.seed, job=job, processes=processes, warm_start=warm_start
    )


def start(
    encoder: EncoderSettings, train: TrainSettings, *, seed: int, job: TrainingJob
) -> tuple[ProcessGroup, Backbone]:
    """Connect the processes, seed the random generators, and load the pretrained encoder."""
    processes = ProcessGroup(train.device)
    set_seed(seed)
    cache = job.pieces.setdefault((encoder.name, encoder.lowercase), {})
    return processes, pretrained_backbone(encoder, train, device=processes.device, cache=cache)


def _warm_start(tagger: EncoderTagger, job: TrainingJob) -> WarmStart | None:
    """Load the weights of ``train.init``; those that score tags only if the tags are the same."""
    init = tagger.settings.train.init
    if init is None:
        return None
    folder, manifest = trained_encoder(init, run=job.folder)
    same_fine = same_coarse = False
    if manifest.kind == tagger.kind:
        trained = parse_manifest(manifest.model_dump(), EncoderManifest, folder)
        fine, coarse = tag_sets(trained.settings, trained.taxonomy)
        own_fine, own_coarse = tag_sets(tagger.settings, tagger.taxonomy)
        same_fine, same_coarse = fine.tags == own_fine.tags, coarse.tags == own_coarse.tags
    excluded = (*(() if same_fine else ("emissions.", "decoder.")), *(() if same_coarse else ("auxiliary.",)))
    return load_matching(tagger.network, folder, excluded=excluded)
