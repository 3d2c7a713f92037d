"""Hugging Face datasets: a Parquet file, or a folder of ``save_to_disk``; for the columns see ``reading.rows``.

Parquet and Arrow are tables: reading them runs no code, and nothing is fetched or cached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coner.core.errors import DataError, requires_extra
from coner.core.files import atomic_write
from coner.core.lines import Lines
from coner.core.tags import OUTSIDE, Scheme, TagSet, tags_from_entities
from coner.core.types import Sentence
from coner.data.formats import DEFAULTS, Format, WriteOptions, formats
from coner.data.formats._folders import atomic_folder
from coner.data.reading.parquet import BATCH, ParquetRows, arrow_word_column, unreadable
from coner.data.reading.rows import ID, TAGS, TOKENS, RowReader

STATE = ("state.json", "dataset_info.json", "dataset_dict.json")  # written by datasets.save_to_disk


class DatasetsReader(RowReader):
    """Reads a Parquet file or a folder."""

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        features, batches = self._open(Path(self.path))
        names = self._tag_names(features)
        wanted = self._columns(features)
        rows = self._guarded(row for batch in batches for row in batch.select(wanted).to_pylist())
        yield from self._from_rows(rows, names)

    def _open(self, path: Path) -> tuple[dict[str, Any], Iterator[Any]]:
        """The features of the columns, and record batches or tables."""
        datasets = _datasets()
        if not path.exists():
            raise DataError("no such file; check the path", path)
        if not path.is_dir():
            file = ParquetRows(path)
            return dict(datasets.Features.from_arrow_schema(file.schema)), file.batches()
        if (path / "dataset_dict.json").is_file():
            splits = ", ".join(sorted(str(split) for split in path.iterdir() if split.is_dir()))
            raise DataError(f"holds several splits; expected one of: {splits}", path)
        try:
            with _no_progress_bars(datasets):
                data = datasets.Dataset.load_from_disk(str(path.resolve()))
        except Exception as error:  # whatever the library raises for folders that are not its own
            raise unreadable(error, path) from None
        arrow_word_column(data.features.arrow_schema, path)
        return dict(data.features), iter(data.with_format("arrow").iter(BATCH))

    def _guarded(self, rows: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from rows
        except DataError:
            raise
        except Exception as error:  # damaged in the middle
            raise unreadable(error, self.path) from None

    def _tag_names(self, features: dict[str, Any]) -> list[str] | None:
        """The names of the tags if the tags are ids."""
        feature = getattr(features.get(TAGS), "feature", None)
        names: list[str] | None = getattr(feature, "names", None)
        if TAGS in features and names is None and getattr(feature, "dtype", "string") not in ("string", "large_string"):
            raise DataError(f"got numbers without names as {TAGS}; expected strings, or a ClassLabel", self.path)
        return names


def _columns(datasets: Any, sentences: Sequence[Sentence], scheme: Scheme) -> tuple[Any, dict[str, list[Any]]]:
    """The features of the columns, and their values.

    ``ner_tags`` are ids of a ``ClassLabel``: ``O``, then the tags of each label in alphabetical order. Columns that
    would be empty are left out.
    """
    features: dict[str, Any] = {}
    columns: dict[str, list[Any]] = {}
    if any(sentence.id is not None for sentence in sentences):
        features[ID] = datasets.Value("string")
        columns[ID] = [sentence.id for sentence in sentences]
    features[TOKENS] = datasets.Sequence(datasets.Value("string"))
    columns[TOKENS] = [list(sentence.words) for sentence in sentences]
    if any(sentence.entities is not None for sentence in sentences):
        labels = sorted({entity.label for sentence in sentences for entity in sentence.entities or ()})
        names = list(TagSet(labels, scheme).tags) if labels else [OUTSIDE]
        ids = {name: index for index, name in enumerate(names)}
        features[TAGS] = datasets.Sequence(datasets.ClassLabel(names=names))
        columns[TAGS] = [
            None if s.entities is None else [ids[tag] for tag in tags_from_entities(s.entities, len(s), scheme)]
            for s in sentences
        ]
    return datasets.Features(features), columns


def _datasets() -> Any:
    with requires_extra("a Hugging Face dataset", "datasets"):
        import datasets
    return datasets


@contextmanager
def _no_progress_bars(datasets: Any) -> Iterator[None]:
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


class Datasets(Format):
    """Hugging Face datasets."""

    title = "Hugging Face datasets"
    reader = DatasetsReader
    suffixes = (".parquet",)
    folder = "a folder of datasets.save_to_disk"
    extra = "datasets"
    holds = frozenset({"word borders", "labels", "ids", "labels missing"})

    def claims(self, path: Path) -> bool:
        return any((path / name).is_file() for name in STATE) if path.is_dir() else super().claims(path)

    def sniff(self, head: bytes) -> float:
        return float(head.startswith(b"PAR1"))

    def write(self, sentences: Sequence[Sentence], path: Path, options: WriteOptions = DEFAULTS) -> Counter[str]:
        """Write a Parquet file if the name ends in ``.parquet``, else a folder."""
        datasets = _datasets()
        import pyarrow as pa
        from pyarrow import parquet

        features, columns = _columns(datasets, sentences, options.scheme)
        table = pa.Table.from_pydict(columns, schema=features.arrow_schema)
        if path.suffix == ".parquet":
            with atomic_write(path, "wb") as handle:
                parquet.write_table(table, handle)
        else:
            with atomic_folder(path) as folder, _no_progress_bars(datasets):
                datasets.Dataset(table).save_to_disk(str(folder.resolve()))
        return self.lost(sentences)


formats.register(Datasets())
