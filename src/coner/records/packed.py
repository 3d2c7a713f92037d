"""Counts by sentence inside a record's JSON: compressed since format 2, one list per column in format 1.

The five columns of ``Counts`` (sentence indices as differences) are 32-bit little-endian unsigned
integers, stored column by column and, within a column, all lowest bytes first; then zlib, then base64.
"""

from __future__ import annotations

import base64
import zlib
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, NonNegativeInt, PlainSerializer, PlainValidator, ValidationError

from coner.evaluation.counts import Counts, Ints

COLUMNS = ("sentence", "label", "tp", "fp", "fn")
MAX_BYTES = 1 << 28  # decompressed: 13 million rows; limits the memory that a damaged record can take


class _Stored(BaseModel):
    labels: list[str]
    sentences: NonNegativeInt
    packed: str | None = None
    sentence: list[int] | None = None
    label: list[int] | None = None
    tp: list[int] | None = None
    fp: list[int] | None = None
    fn: list[int] | None = None


def first_fault(error: ValidationError) -> str:
    """The first error in one line: section of the record, place in it, and what is wrong there."""
    fault = error.errors()[0]
    section, *place = [str(key) for key in fault["loc"]] or [""]
    return ": ".join(filter(None, (section, ".".join(place), fault["msg"].removeprefix("Value error, "))))


def pack(counts: Counts) -> dict[str, Any]:
    """Convert to JSON values; ``unpack`` is the inverse."""
    columns = counts.columns.copy()
    columns[0] = np.diff(columns[0], prepend=0)
    planes = columns.astype("<u4").view(np.uint8).reshape(*columns.shape, 4).transpose(0, 2, 1)
    packed = base64.b64encode(zlib.compress(planes.tobytes(), 9)).decode("ascii")
    return {"labels": list(counts.labels), "sentences": counts.sentences, "packed": packed}


def unpack(values: Any) -> Counts:
    """Read counts of either format; ``ValueError`` in one line where something is wrong."""
    if isinstance(values, Counts):
        return values
    try:
        stored = _Stored.model_validate(values, strict=True)
    except ValidationError as error:
        raise ValueError(first_fault(error)) from None
    columns = _decompress(stored.packed) if stored.packed is not None else _from_lists(stored)
    return Counts(tuple(stored.labels), stored.sentences, columns)


def _from_lists(stored: _Stored) -> Ints:
    lists = [getattr(stored, name) for name in COLUMNS]
    if len({None if values is None else len(values) for values in lists}) != 1 or lists[0] is None:
        raise ValueError(f"got columns that are missing or differ in length; expected {', '.join(COLUMNS)}, or packed")
    try:
        return np.array(lists, dtype=np.int64)
    except OverflowError:
        raise ValueError("got a count above 2 ** 63") from None


def _decompress(packed: str) -> Ints:
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(base64.b64decode(packed, validate=True), MAX_BYTES)
    except (ValueError, zlib.error):
        raise ValueError("packed: got other text than zlib data in base64") from None
    if stream.unconsumed_tail:
        raise ValueError(f"packed: got more than {MAX_BYTES} bytes")
    rows, rest = divmod(len(data), 4 * len(COLUMNS))
    if not stream.eof or stream.unused_data or rest:
        raise ValueError("packed: got data that are cut short, or more than the five columns")
    planes = np.frombuffer(data, dtype=np.uint8).reshape(len(COLUMNS), 4, rows).transpose(0, 2, 1)
    columns = np.ascontiguousarray(planes).view("<u4")[..., 0].astype(np.int64)
    columns[0] = np.cumsum(columns[0])
    return columns


SentenceCounts = Annotated[Counts, PlainValidator(unpack), PlainSerializer(pack)]
