"""What readers of a record count on: the form of its numbers. More may stand beside them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

Count = Annotated[int, Field(ge=0)]


class _Form(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Result(_Form):
    precision: float
    recall: float
    f1: float
    support: Count
    predicted: Count
    tp: Count


class _Level(_Form):
    precision: float
    recall: float
    micro_f1: float
    macro_f1: float
    macro_classes: Count | None = None
    classes: dict[str, _Result]


class _Span(_Form):
    f1: float


class _Recall(_Form):
    recall: float
    support: Count


class _Intervals(_Form):
    micro_f1: tuple[float, float] | None = Field(None, strict=False)  # JSON has lists
    macro_f1: tuple[float, float] | None = Field(None, strict=False)


class _Scores(_Form):
    fine: _Level
    coarse: _Level
    span: _Span
    seen: _Recall = _Recall(recall=0.0, support=0)  # may lack, but not be null; likewise below
    unseen: _Recall = _Recall(recall=0.0, support=0)
    sentences: Count | None = None
    intervals: _Intervals = _Intervals()


class _File(_Form):
    file: str | None = None
    sha256: str | None = None
    sentences: Count | None = None
    words: Count | None = None
    mentions: Count | None = None


class _Speed(_Form):
    seconds: float | None = None
    sentences_per_second: float | None = None
    words_per_second: float | None = None


class _Epoch(_Form):
    epoch: int
    loss: float | None = None
    coarse_loss: float | None = None
    dev_macro_f1: float | None = None
    weight: float | None = None


class _Partial(_Form):
    answered: Count
    sentences: Count


class _Asked(_Form):
    partial: _Partial | None = None
    tokens_per_sentence: float = 0.0
    cost_per_sentence: float = 0.0
    seconds_per_sentence: float = 0.0
    repaired: Count = 0
    dropped: Count = 0
    unanswered: dict[str, Count]


FORMS: dict[str, TypeAdapter[Any]] = {
    "data": TypeAdapter(dict[str, _File]),
    "scores": TypeAdapter(dict[str, _Scores]),
    "time": TypeAdapter(dict[str, float | _Speed | None]),
    "history": TypeAdapter(list[_Epoch]),
    "llm": TypeAdapter(dict[str, _Asked] | None),
}


def check_form(name: str, values: Any) -> None:
    """``ValueError`` where this part of a record is not of its form: the place, and what was expected there."""
    try:
        FORMS[name].validate_python(values)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise ValueError(f"{place}: {fault['msg']}") from None
