"""Settings of the training loop, and which parameters learn how fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from coner.config.section import Count, Fraction, Rate, Section


class GroupSettings(Section):
    """Parameters that share a learning rate: the first group whose pattern matches a parameter's name takes it."""

    match: tuple[str, ...] = Field(description="shell patterns on parameter names, such as encoder.*")
    rate: Rate = Field(description="peak learning rate")
    times: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0, description="peak learning rate as a multiple of the encoder group's, in place of rate; 0: rate counts"
    )
    weight_decay: Rate = Field(0.01, description="AdamW's, on matrices; biases and norms are not decayed")
    layer_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="rate factor per encoder layer, downwards"
    )

    @model_validator(mode="before")
    @classmethod
    def _times_stand_in_for_the_rate(cls, values: Any) -> Any:
        return {"rate": 0.0, **values} if isinstance(values, dict) and values.get("times") else values


HEAD_PARAMETERS = ("mix.*", "context.*", "blend.*", "emissions.*", "decoder.*", "auxiliary.*")


def _default_groups() -> dict[str, GroupSettings]:
    return {
        "encoder": GroupSettings(match=("encoder.*",), rate=3e-5),
        "head": GroupSettings(match=HEAD_PARAMETERS, rate=3e-4),
    }


class TrainSettings(Section):
    """The loop."""

    init: Path | None = Field(
        None, description="folder of a trained encoder model: start from its weights, as far as they fit"
    )
    epochs: Count = 8
    batch: Count = Field(32, description="sentences a step")
    batch_pieces: Count = Field(
        4096,
        description="most word pieces in one pass of the encoder, padding between sentences included; "
        "a step that needs more takes several, with the same gradient",
    )
    groups: dict[str, GroupSettings] = Field(default_factory=_default_groups)
    warmup: Fraction = Field(0.1, description="part of all steps with a rising rate; then it falls linearly to zero")
    clip: Rate = Field(1.0, description="largest norm of the gradient; 0: no clipping")
    precision: Literal["auto", "float32", "bfloat16"] = Field("auto", description="auto: bfloat16 where it is native")
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    patience: Annotated[int, Field(ge=0)] = Field(
        0, description="stop after so many epochs without a better one; 0: never"
    )
    checkpoint_minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 10.0
    tensorboard: Path | None = Field(
        None, description="folder for TensorBoard: curves as training goes, each run in a folder of its own name"
    )

    @model_validator(mode="before")
    @classmethod
    def _groups_change_the_defaults(cls, values: Any) -> Any:
        """A group that names only its rate keeps the default's patterns: ``train.groups.head.rate=1e-3`` is enough."""
        if isinstance(values, dict) and isinstance(given := values.get("groups"), dict):
            merged = {name: group.model_dump() for name, group in _default_groups().items()}
            for name, group in given.items():
                merged[name] = {**merged.get(name, {}), **group} if isinstance(group, dict) else group
            # A new group comes first: the default ones match everything.
            order = [*(n for n in given if n not in _default_groups()), *_default_groups()]
            values = {**values, "groups": {name: merged[name] for name in order}}
        return values
