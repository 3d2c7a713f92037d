"""A student beside its teacher: F1 and speed on dev."""

from __future__ import annotations

from pathlib import Path

import torch

from coner.core.counted import counted
from coner.families.before_after import BeforeAfter, MeasuredModel, compare, model_bytes
from coner.families.encoder.settings import EncoderManifest
from coner.families.encoder.shrink.recipe import ShrinkRecipe
from coner.families.encoder.tagger import EncoderTagger
from coner.families.manifest import parse_manifest, read_manifest


def compare_with_teacher(recipe: ShrinkRecipe, folder: Path) -> BeforeAfter:
    """Evaluate and time the teacher and the finished student, which is in ``folder``, without thresholds."""
    manifest = parse_manifest(read_manifest(folder).model_dump(), EncoderManifest, folder)
    student, teacher = EncoderTagger.load(folder, manifest), recipe.teacher
    teacher = EncoderTagger.of(teacher.network.to(student.device), teacher.pieces.tokenizer, teacher.manifest)
    folders = {recipe.teacher_folder: teacher, folder: student}
    before, after = (
        MeasuredModel(
            tagger,
            counted(int(tagger.encoder.config.num_hidden_layers), "layer"),
            model_bytes(place, read_manifest(place)),
        )
        for place, tagger in folders.items()
    )
    dev = recipe.inputs.splits["dev"].corpus
    return compare(before, after, dev, threads=torch.get_num_threads())
