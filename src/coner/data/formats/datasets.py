"""Hugging Face datasets: a folder of ``save_to_disk``, or a Parquet file, with a row a sentence.

=============  =============================================================================================
column         holds
=============  =============================================================================================
``tokens``     the words, a list of strings
``ner_tags``   their tags: a list of strings, or of ids whose names (``ClassLabel``) the file knows; may be absent
``id``         the sentence's id; may be absent
=============  =============================================================================================

Other columns are not read, but counted. A row whose ``ner_tags`` is null has no labels. Folder and Parquet are Arrow
tables and JSON: reading them runs no script, and nothing is fetched or cached.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coner.core.errors import DataError, MissingExtra
from coner.core.files import atomic_write
from coner.core.lines import Lines
from coner.core.tags import OUTSIDE, Scheme, TagSet, read_tags, tags_from_entities
from coner.core.types import Entity, Sentence
from coner.data.files import atomic_folder
from coner.data.reading.reader import Reader

BATCH = 1000  # rows in memory at a time
TOKENS, TAGS, ID = "tokens", "ner_tags", "id"


class DatasetsReader(Reader):
    """Reads a folder or a Parquet file; beside what every reader takes:

    Args:
        scheme: how the tags are written; never guessed.

    With ``repair`` tags are mended as in CoNLL, an id without a name is ``O`` (``repaired``); a row without words, or
    with fewer or more tags than words, is left out (``skipped``).
    """

    unit = "row"

    def __init__(
        self,
        path: str | Path,
        *,
        scheme: Scheme = "iob2",
        repair: bool = False,
        labels: Collection[str] | None = None,
        gold: bool = False,
        on_fault: Callable[[int, str], None] | None = None,
    ) -> None:
        super().__init__(path, repair=repair, labels=labels, gold=gold, on_fault=on_fault)
        self._scheme = scheme

    def _read(self, lines: Lines) -> Iterator[Sentence]:
        features, batches = self._open(Path(self.path))
        names = self._names(features)
        for column in features.keys() - {TOKENS, TAGS, ID}:
            self.unread[f"column {column}"] += 1
        wanted = [column for column in (TOKENS, TAGS, ID) if column in features]
        kept = 0
        rows = self._guarded(row for batch in batches for row in batch.select(wanted).to_pylist())
        for number, row in enumerate(rows, 1):
            if (sentence := self._sentence(row, number, names)) is not None:
                kept += 1
                yield sentence
        if not kept:
            raise DataError("holds no sentence; expected a row a sentence", self.path)

    def _open(self, path: Path) -> tuple[dict[str, Any], Iterator[Any]]:
        """The columns' kinds, and tables of some rows each."""
        datasets = _datasets()
        from pyarrow import parquet

        if not path.exists():
            raise DataError("no such file; check the path", path)
        if path.is_dir() and (path / "dataset_dict.json").is_file():
            parts = ", ".join(sorted(str(part) for part in path.iterdir() if part.is_dir()))
            raise DataError(f"holds several splits; name one: {parts}", path)
        try:
            if path.is_dir():
                with _quiet(datasets):
                    found = datasets.Dataset.load_from_disk(str(path.resolve()))
                return dict(found.features), iter(found.with_format("arrow").iter(BATCH))
            file = parquet.ParquetFile(path)
            return dict(datasets.Features.from_arrow_schema(file.schema_arrow)), file.iter_batches(BATCH)
        except Exception as error:  # whatever the libraries meet in files that are none of theirs
            raise self._unreadable(error) from None

    def _guarded(self, rows: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from rows
        except Exception as error:  # damaged in the middle
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> DataError:
        expected = "a folder of datasets.save_to_disk, or a Parquet file"
        return DataError(f"cannot be read: {type(error).__name__}: {error}; expected {expected}", self.path)

    def _names(self, features: dict[str, Any]) -> list[str] | None:
        """The tags' names where they are ids."""
        if TOKENS not in features or (self._gold and TAGS not in features):
            came = ", ".join(features)
            missing = TOKENS if TOKENS not in features else TAGS
            raise DataError(f"has no column {missing!r}, but {came}; expected {TOKENS!r} and {TAGS!r}", self.path)
        kind = getattr(features.get(TAGS), "feature", None)
        names = getattr(kind, "names", None)
        if TAGS in features and names is None and getattr(kind, "dtype", "string") not in ("string", "large_string"):
            raise DataError(f"{TAGS} holds numbers without names; expected strings, or a ClassLabel", self.path)
        return names

    def _sentence(self, row: dict[str, Any], number: int, names: list[str] | None) -> Sentence | None:
        words, tags = row[TOKENS], row.get(TAGS)
        if not isinstance(words, list) or not words or not all(isinstance(word, str) and word for word in words):
            self._skip(number, f"{TOKENS} is no list of words that are not empty")
            return None
        if tags is None and self._gold:
            raise self.error(number, f"{TAGS} is null; expected gold labels")
        if tags is not None and (not isinstance(tags, list) or len(tags) != len(words)):
            came = len(tags) if isinstance(tags, list) else repr(tags)
            self._skip(number, f"{TAGS} has {came} tags for {len(words)} words")
            return None
        id = row.get(ID)
        return Sentence(
            words=tuple(words),
            entities=None if tags is None else self._entities(tags, number, names),
            id=None if id is None or not str(id) else str(id),
            line=number,
        )

    def _entities(self, tags: list[Any], number: int, names: list[str] | None) -> tuple[Entity, ...]:
        told = []
        for index, tag in enumerate(tags):
            name = tag if names is None else names[tag] if isinstance(tag, int) and 0 <= tag < len(names) else None
            if not isinstance(name, str):
                self._mend(number, f"tag {tag!r} of word {index + 1} has no name; expected one, or O")
            told.append(name if isinstance(name, str) else OUTSIDE)
        entities, faults = read_tags(told, self._scheme)
        for index, message in faults:
            self._mend(number, f"word {index + 1}: {message}")
        for entity in entities:
            self._check_label(entity.label, number)
        return tuple(entities)


def write_datasets(sentences: Sequence[Sentence], path: Path, scheme: Scheme = "iob2") -> int:
    """Write a Parquet file, where the name ends in ``.parquet``, or a folder; returns how many rows.

    ``ner_tags`` are ids of a ``ClassLabel``: ``O``, then the tags of each label in the order of the alphabet. Columns
    that would be empty are not written.

    Raises:
        MissingExtra: datasets is not installed.
        OutputError: it cannot be written, or the folder is there and not empty.
    """
    datasets = _datasets()
    import pyarrow as pa
    from pyarrow import parquet

    features, columns = _columns(datasets, sentences, scheme)
    table = pa.Table.from_pydict(columns, schema=features.arrow_schema)
    if path.suffix == ".parquet":
        with atomic_write(path, "wb") as handle:
            parquet.write_table(table, handle)
    else:
        with atomic_folder(path) as folder, _quiet(datasets):
            datasets.Dataset(table).save_to_disk(str(folder.resolve()))
    return len(sentences)


def _columns(datasets: Any, sentences: Sequence[Sentence], scheme: Scheme) -> tuple[Any, dict[str, list[Any]]]:
    """What kind each column is, and what it holds."""
    kinds: dict[str, Any] = {}
    columns: dict[str, list[Any]] = {}
    if any(sentence.id is not None for sentence in sentences):
        kinds[ID] = datasets.Value("string")
        columns[ID] = [sentence.id for sentence in sentences]
    kinds[TOKENS] = datasets.Sequence(datasets.Value("string"))
    columns[TOKENS] = [list(sentence.words) for sentence in sentences]
    if any(sentence.entities is not None for sentence in sentences):
        labels = sorted({entity.label for sentence in sentences for entity in sentence.entities or ()})
        names = list(TagSet(labels, scheme).tags) if labels else [OUTSIDE]
        ids = {name: index for index, name in enumerate(names)}
        kinds[TAGS] = datasets.Sequence(datasets.ClassLabel(names=names))
        columns[TAGS] = [
            None if s.entities is None else [ids[tag] for tag in tags_from_entities(s.entities, len(s), scheme)]
            for s in sentences
        ]
    return datasets.Features(kinds), columns


def _datasets() -> Any:
    try:
        import datasets
    except ImportError:
        raise MissingExtra("a data set of Hugging Face", "datasets") from None
    return datasets


@contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Without the library's own progress bars."""
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()
