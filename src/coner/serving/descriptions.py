"""Response bodies that describe the models of a service: names, labels, calibration and thresholds."""

from __future__ import annotations

from pydantic import Field

from coner.data.taxonomy import Taxonomy
from coner.families.operating_point import OperatingPoint
from coner.families.tagger import Tagger
from coner.serving.schemas import ResponseBody


class LabelEntry(ResponseBody):
    """A fine label."""

    name: str
    definition: str


class LabelGroup(ResponseBody):
    """A coarse group and its labels."""

    name: str
    labels: list[LabelEntry]


class ModelLabels(ResponseBody):
    """Every label that a model can predict."""

    model: str
    taxonomy: str
    groups: list[LabelGroup]


class OperatingEntry(ResponseBody):
    """What ``coner threshold`` stored with a model: the service applies it to every answer."""

    calibration: str = Field(description="none, temperature or isotonic.")
    threshold: float = Field(ge=0, le=1, description="Entities with a lower confidence are left out.")
    thresholds: dict[str, float] = Field(description="Thresholds of single labels, which replace it.")
    goal: str | None = Field(description="What the thresholds were chosen for; null: calibrated only.")
    file: str = Field(description="The name of the file that they were chosen on.")

    @classmethod
    def of(cls, point: OperatingPoint) -> OperatingEntry:
        """From a stored operating point."""
        chosen, thresholds = point.chosen, dict(point.thresholds)
        values = {"threshold": point.threshold, "thresholds": thresholds, "goal": chosen.goal, "file": chosen.file}
        return cls(calibration=point.method, **values)


class ModelEntry(ResponseBody):
    """A model of the service."""

    name: str
    default: bool
    ready: bool
    kind: str | None = Field(description="null while the model is loading.")
    operating_point: OperatingEntry | None = Field(description="null: neither calibrated nor with a threshold.")

    @classmethod
    def of(cls, name: str, tagger: Tagger | None, *, default: bool) -> ModelEntry:
        """A model by its name, and its tagger once it is loaded."""
        point = None if tagger is None or tagger.operating_point is None else OperatingEntry.of(tagger.operating_point)
        kind = None if tagger is None else tagger.kind
        return cls(name=name, default=default, ready=tagger is not None, kind=kind, operating_point=point)


class Models(ResponseBody):
    """All models of the service, the default first."""

    models: list[ModelEntry]


def model_labels(model: str, taxonomy: Taxonomy, known: tuple[str, ...]) -> ModelLabels:
    """The labels that a model knows, in the order of its taxonomy."""
    groups = []
    for name, classes in taxonomy.groups.items():
        if entries := [LabelEntry(name=fine, definition=text) for fine, text in classes.items() if fine in known]:
            groups.append(LabelGroup(name=name, labels=entries))
    return ModelLabels(model=model, taxonomy=taxonomy.name, groups=groups)
