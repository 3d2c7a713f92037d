"""Hugging Face datasets: a Parquet file, or a folder of ``save_to_disk``; for the columns see ``reading.tables``.

Parquet and Arrow are tables: reading them runs no code, and nothing is fetched or cached.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
from coner.data.reading.arrow import ArrowRows
from coner.data.reading.tables import ID, TAGS, TOKENS, ParquetRows, RowReader, readable

STATE = ("state.json", "dataset_info.json", "dataset_dict.json")  # written by datasets.save_to_disk


class DatasetsReader(RowReader):
    def _read(self, lines: Lines) -> Iterator[Sentence]:
        features, read = self._open(Path(self.path))
        feature = getattr(features.get(TAGS), "feature", None)
        self._tag_names = names = getattr(feature, "names", None)
        if TAGS in features and names is None and getattr(feature, "dtype", "string") not in ("string", "large_string"):
            raise DataError(f"got numbers without names as {TAGS}; expected strings, or a ClassLabel", self.path)
        wanted = self._columns(features)

        def rows() -> Iterator[Any]:
            with readable(self.path):
                for batch in read(wanted):
                    yield from batch.to_pylist()

        return self._each(rows(), self._row)

    def _open(self, path: Path) -> tuple[dict[str, Any], Callable[[list[str]], Iterator[Any]]]:
        """The features of the columns, and a function that reads some of the columns as record batches."""
        datasets = _datasets()
        if not path.exists():
            raise DataError("no such file; check the path", path)
        if (path / "dataset_dict.json").is_file():
            splits = ", ".join(sorted(str(split) for split in path.iterdir() if split.is_dir()))
            raise DataError(f"contains several splits; expected one of: {splits}", path)
        rows = ArrowRows(path) if path.is_dir() else ParquetRows(path)
        with readable(path):
            return dict(datasets.Features.from_arrow_schema(rows.schema)), rows.select


def _table(datasets: Any, sentences: Sequence[Sentence], scheme: Scheme) -> Any:
    """An Arrow table, without columns that would be empty.

    ``ner_tags`` are ids of a ``ClassLabel``: ``O``, then the tags of each label in alphabetical order.
    """
    import pyarrow as pa

    features = {ID: datasets.Value("string"), TOKENS: datasets.Sequence(datasets.Value("string"))}
    columns: dict[str, list[Any]] = {ID: [s.id for s in sentences], TOKENS: [list(s.words) for s in sentences]}
    if not any(id is not None for id in columns[ID]):
        del features[ID], columns[ID]
    if any(sentence.entities is not None for sentence in sentences):
        labels = sorted({entity.label for sentence in sentences for entity in sentence.entities or ()})
        names = list(TagSet(labels, scheme).tags) if labels else [OUTSIDE]
        ids = {name: index for index, name in enumerate(names)}
        features[TAGS] = datasets.Sequence(datasets.ClassLabel(names=names))
        columns[TAGS] = [
            None if s.entities is None else [ids[tag] for tag in tags_from_entities(s.entities, len(s), scheme)]
            for s in sentences
        ]
    return pa.Table.from_pydict(columns, schema=datasets.Features(features).arrow_schema)


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
        table = _table(datasets, sentences, options.scheme)
        if path.suffix == ".parquet":
            from pyarrow import parquet

            with atomic_write(path, "wb") as handle:
                parquet.write_table(table, handle)
        else:
            with atomic_folder(path) as folder, _no_progress_bars(datasets):
                datasets.Dataset(table).save_to_disk(str(folder.resolve()))
        return self.lost(sentences)


formats.register(Datasets())
