"""Fine-tune an encoder tagger."""

from __future__ import annotations

from accelerate.utils import set_seed

from coner.core.errors import ConfigError
from coner.families.encoder.auxiliary import coarse_weight
from coner.families.encoder.backbone.pretrained import load_encoder
from coner.families.encoder.backbone.warm_start import WarmStart, load_matching, trained_encoder
from coner.families.encoder.build import build, tag_sets
from coner.families.encoder.cpu.process import restored_process
from coner.families.encoder.cpu.rows import set_embeddings
from coner.families.encoder.objective import TaggingObjective, tag_counts
from coner.families.encoder.settings import EncoderExperiment, EncoderManifest
from coner.families.encoder.tagger import EncoderTagger
from coner.families.encoder.training.fine_tuning import FineTuning, fine_tuning
from coner.families.encoder.training.process_group import ProcessGroup
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
    processes = ProcessGroup(settings.train.device)
    set_seed(settings.seed)
    encoder, tokenizer = load_encoder(settings.encoder.name, keep_layers=settings.encoder.keep_layers)
    set_embeddings(encoder, settings.encoder.embeddings)
    tagger = build(
        settings,
        encoder,
        tokenizer,
        taxonomy=job.taxonomy,
        device=processes.device,
        counts=tag_counts(job.train, job.weights, tag_sets(settings, job.taxonomy)[0]),
        cache=job.pieces.setdefault((settings.encoder.name, settings.encoder.lowercase), {}),
    )
    start = _warm_start(tagger, job)
    objective = TaggingObjective(
        tagger,
        job.train,
        job.weights,
        coarse_weight=lambda epoch: coarse_weight(settings.auxiliary, epochs=settings.train.epochs, progress=epoch),
        scale=settings.auxiliary.scale,
    )
    return fine_tuning(
        tagger, objective, settings.train, seed=settings.seed, job=job, processes=processes, warm_start=start
    )


def _warm_start(tagger: EncoderTagger, job: TrainingJob) -> WarmStart | None:
    """Load the weights of ``train.init``; those that score tags only if the tags are the same."""
    init = tagger.settings.train.init
    if init is None:
        return None
    if init.resolve() == job.folder.resolve():
        raise ConfigError(f"train.init: got {init}, the folder of this run. Fix: choose another --out")
    folder, manifest = trained_encoder(init)
    same_fine = same_coarse = False
    if manifest.kind == tagger.kind:
        trained = parse_manifest(manifest.model_dump(), EncoderManifest, folder)
        fine, coarse = tag_sets(trained.settings, trained.taxonomy)
        own_fine, own_coarse = tag_sets(tagger.settings, tagger.taxonomy)
        same_fine, same_coarse = fine.tags == own_fine.tags, coarse.tags == own_coarse.tags
    excluded = (*(() if same_fine else ("emissions.", "decoder.")), *(() if same_coarse else ("auxiliary.",)))
    return load_matching(tagger.network, folder, excluded=excluded)
