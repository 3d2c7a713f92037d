"""Settings of the training loop, and of the learning rates of parameter groups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from coner.config.section import Count, Fraction, Natural, Positive, Rate, Section


class GroupSettings(Section):
    """Parameters with the same learning rate; a parameter belongs to the first group with a pattern that matches it."""

    match: tuple[str, ...] = Field(description="shell patterns on parameter names, such as encoder.*")
    rate: Rate = Field(description="peak learning rate")
    times: Rate = Field(0, description="peak rate as a multiple of the encoder group's, instead of rate; 0: use rate")
    weight_decay: Rate = Field(0.01, description="of AdamW, on matrices; biases and norms are not decayed")
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(1.0, description="rate factor per layer, downwards")

    @model_validator(mode="before")
    @classmethod
    def _times_replaces_rate(cls, values: Any) -> Any:
        return {"rate": 0.0, **values} if isinstance(values, dict) and values.get("times") else values


HEAD_PARAMETERS = ("mix.*", "context.*", "blend.*", "emissions.*", "decoder.*", "auxiliary.*")


def _default_groups() -> dict[str, GroupSettings]:
    encoder, head = GroupSettings(match=("encoder.*",), rate=3e-5), GroupSettings(match=HEAD_PARAMETERS, rate=3e-4)
    return {"encoder": encoder, "head": head}


class TrainSettings(Section):
    """The training loop."""

    init: Path | None = Field(None, description="folder of a trained model to start from, as far as its weights fit")
    epochs: Count = Field(8, description="maximum number of passes over the train split")
    batch: Count = Field(32, description="sentences per step")
    batch_pieces: Count = Field(
        4096, description="maximum number of pieces per pass, with padding; a larger step takes several passes"
    )
    groups: dict[str, GroupSettings] = Field(
        default_factory=_default_groups, description="learning rates by patterns on parameter names"
    )
    warmup: Fraction = Field(0.1, description="fraction of all steps with a rising rate; then it falls to zero")
    clip: Rate = Field(1.0, description="maximum norm of the gradient; 0: no clipping")
    average: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="decay of a moving average of the weights, such as 0.999; the average is saved; 0: no averaging",
    )
    adversarial: Rate = Field(
        0.0, description="norm of an adversarial perturbation of the word embeddings, trained on too; 0: none"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="precision of the encoder; auto: bfloat16 if the hardware has it"
    )
    threads: Natural = Field(
        0, description="CPU threads; 0: OMP_NUM_THREADS if set, else the fastest number up to that of the cores"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="device to train on; auto: an accelerator if there is one"
    )
    evaluate_every: Natural = Field(
        0, description="epochs between two scores of dev; 0: so that scoring takes about a fifth of the time"
    )
    patience: Natural = Field(0, description="stop after this many epochs without a better one; 0: never")
    checkpoint_minutes: Positive = Field(10.0, description="maximum number of minutes between two checkpoints")
    tensorboard: Path | None = Field(None, description="folder for TensorBoard; each run gets a folder of its name")

    @property
    def all_groups(self) -> dict[str, GroupSettings]:
        """The groups, with a last one for the vectors of a knowledge base, at the rate of the head."""
        own = self.groups["head"].model_copy(update={"match": ("knowledge.*",)})
        return {**self.groups, "knowledge": self.groups.get("knowledge", own)}

    @model_validator(mode="before")
    @classmethod
    def _merge_default_groups(cls, values: Any) -> Any:
        """A group that names only its rate keeps the default's patterns: ``train.groups.head.rate=1e-3`` is enough."""
        if isinstance(values, dict) and isinstance(groups := values.get("groups"), dict):
            merged = {name: group.model_dump() for name, group in _default_groups().items()}
            default = tuple(merged)
            for name, group in groups.items():
                merged[name] = {**merged.get(name, {}), **group} if isinstance(group, dict) else group
            # New groups come first: the default ones match everything.
            values = {**values, "groups": dict(sorted(merged.items(), key=lambda item: item[0] in default))}
        return values
