"""Build a knowledge base: read the sources into a database, index its names, describe it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Unpack

from pydantic import Field

from coner.config.section import Natural, Section
from coner.core.counted import listed
from coner.core.errors import ConfigError, DataError, OutputError, requires_extra
from coner.core.files import as_text, atomic_write, check_folder, make_folder, sha256, write_error
from coner.core.locks import lock_folder
from coner.core.processes import thread_count
from coner.core.progress import progress_bar
from coner.core.types import Sentence
from coner.data import stream
from coner.data.files import digest
from coner.data.reading.reader import Reading
from coner.knowledge.description import (
    DATABASE,
    DESCRIPTION,
    TRIE,
    VARIANTS,
    Description,
    FileDescription,
    SourceDescription,
    read_description,
)
from coner.knowledge.dump import Dump
from coner.knowledge.mentions import text_number
from coner.knowledge.normalisation import NormalisationSettings, Normaliser
from coner.knowledge.source import Source, SourceSettings, detect, sources
from coner.knowledge.spans import mention_shares
from coner.knowledge.store import Store
from coner.knowledge.variants import write_variants

SCRATCH, SETTINGS, FACTS = ".build", "settings.txt", "facts.json"
Plan = Sequence[tuple[Path, Source]]


class BuildSettings(Section):
    """How to build a knowledge base."""

    format: str = Field("auto", description="kind of the files; auto: recognised")
    licence: str = Field("", description="licence of the files, for the record")
    licences: dict[str, str] = Field({}, description="licences of single files, by path")
    source: SourceSettings = SourceSettings()
    normalisation: NormalisationSettings = NormalisationSettings()
    labels: dict[str, tuple[str, ...]] = Field({}, description="labels that replace each type; empty: types are kept")
    simulated: bool = Field(False, description="the files were made from gold mentions")
    edits: Annotated[int, Field(ge=0, le=1)] = Field(0, description="typos by which a long name may differ")
    processes: Natural = Field(0, description="number of processes that parse a dump; 0: one per core")


def build(files: Sequence[Path], out: Path, settings: BuildSettings, train: Path | None = None) -> Description:
    """Build a knowledge base from files, in the folder ``out``. If it is stopped, the same call resumes.

    Names that occur mostly outside the mentions of the labelled file ``train`` are down-weighted.

    Raises:
        DataError: a file cannot be read, or a table or labelled data, also ``train``, is faulty.
        ConfigError: a format is unknown, or ``out`` holds an unfinished build of other files or settings.
        OutputError: ``out`` holds a knowledge base, or cannot be written.
        MissingExtra: marisa-trie is not installed.
    """
    make_trie([])
    if twice := [path for path, count in Counter(path.resolve() for path in files).items() if count > 1]:
        raise ConfigError(f"got a file twice, {twice[0]}; expected different files")
    own = {path.resolve() for path in files}
    if unknown := [file for file in settings.licences if Path(file).resolve() not in own]:
        raise ConfigError(f"got a licence of {unknown[0]}; expected the path of a source: {listed([*map(str, files)])}")
    if odd := [path for path in files if not path.is_file()]:
        got = "got a folder, a pipe or a device" if odd[0].exists() else "no such file"
        raise DataError(f"{got}; expected a regular file, which is read several times", odd[0])
    named = None if settings.format == "auto" else sources[settings.format]
    plan = [(path, named or detect(path)) for path in files]
    if settings.source.leave_out and train is None and not any(source.is_fallback for _, source in plan):
        raise ConfigError("--leave-out: got no labelled file whose sentences could be left out. Fix: leave it out")
    if train is not None:  # so that its faults are raised before hours of work
        deque(_sentences(train, settings), maxlen=0)
    check_folder(out)
    if (out / DESCRIPTION).exists():
        raise OutputError(f"{out}: already contains a knowledge base. Fix: choose another folder")
    with lock_folder(out), _writing(out):
        scratch = make_folder(out / SCRATCH)
        _check_resumed(scratch / SETTINGS, out, plan, settings, train)
        if not (scratch / DESCRIPTION).exists():  # else everything is built, and only has to be moved
            with closing(Store(scratch / DATABASE, Normaliser(settings.normalisation))) as store:
                if not store.is_indexed:
                    _fill(store, plan, scratch, settings, train)
                store.finish()
            with atomic_write(scratch / DESCRIPTION) as handle:
                handle.write(_describe(scratch, settings).model_dump_json(indent=1) + "\n")
        for name in (TRIE, DATABASE, *[VARIANTS] * settings.edits, DESCRIPTION):
            if (scratch / name).exists():
                (scratch / name).replace(out / name)
        shutil.rmtree(scratch, ignore_errors=True)
    return read_description(out)


def _describe(scratch: Path, settings: BuildSettings) -> Description:
    paths = {name: scratch / name for name in (TRIE, DATABASE, *[VARIANTS] * settings.edits)}
    return Description(
        created=datetime.now(UTC).date().isoformat(),
        normalisation=settings.normalisation,
        simulated=settings.simulated,
        edits=settings.edits,
        files={n: FileDescription(bytes=p.stat().st_size, sha256=sha256(p)) for n, p in paths.items()},
        **json.loads((scratch / FACTS).read_text(encoding="utf-8")),
    )


def _fill(store: Store, plan: Plan, scratch: Path, settings: BuildSettings, train: Path | None) -> None:
    """Read all sources, then index their names, and write what the description says of them into ``FACTS``."""
    read: dict[int, SourceDescription] = {}
    # Tables and labelled data first: they may be faulty, and a dump takes hours.
    for number, (path, source) in sorted(enumerate(plan), key=lambda item: isinstance(item[1][1], Dump)):
        first = next(n for n, (_, other) in enumerate(plan) if other is source)
        read[number] = _read(store, number, path, source, settings, into=first if isinstance(source, Dump) else number)
    with store.transaction():
        dropped = store.drop(settings.source)
        unmapped = store.map_types(settings.labels) if settings.labels else 0
        trie = make_trie(store.keys())
        if not len(trie):
            left_out = sum((Counter(source.skipped) for source in read.values()), Counter(dropped))
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "the sources have none"
            raise DataError(f"got no name to keep ({reasons}); expected one at least")
        trie.save(str(scratch / TRIE))
        if settings.edits:
            write_variants(((number, key.rstrip()) for key, number in trie.iteritems()), scratch / VARIANTS)
        _index(store, trie)
        described = [read[number].model_dump() for number in sorted(read)]
        facts: dict[str, Any] = {"names": len(trie), "sources": described, **store.facts()}
        facts |= {"dropped": dict(dropped), "unmapped": unmapped}
        if train is not None:
            normalise, longest = Normaliser(settings.normalisation), facts["longest"]
            shares = mention_shares(_sentences(train, settings), trie, normalise, longest)
            store.damp(shares, set(map(text_number, _sentences(train, settings))))
            facts["damping"] = {"file": as_text(train.name), "sha256": digest(train), "names": len(shares)}
        with atomic_write(scratch / FACTS) as handle:
            json.dump(facts, handle)
        store.mark_indexed()


def texts_of(files: Iterable[Path], **options: Unpack[Reading]) -> tuple[int, ...]:
    """The ``text_number`` of each sentence of files of any format, sorted; for ``SourceSettings.leave_out``."""
    return tuple(sorted({text_number(s) for file in files for s in stream(file, **options, predicted=True)}))


def _sentences(train: Path, settings: BuildSettings) -> Iterator[Sentence]:
    """The labelled sentences that show which names are common words, without those that are left out."""
    left_out = set(settings.source.leave_out)
    return (s for s in stream(train, **settings.source.reading, gold=True) if text_number(s) not in left_out)


def make_trie(keys: Iterable[str]) -> Any:
    """A trie of names; ``MissingExtra`` if marisa-trie is not installed."""
    with requires_extra("A knowledge base", "knowledge"):
        from marisa_trie import Trie
    return Trie(keys)


def _index(store: Store, trie: Any) -> None:
    with progress_bar("indexing names", len(trie)) as bar:
        for done in store.index(trie):
            if done % 1000 == 0:
                bar.advance_to(done)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    """Keep what was read after a crash or Ctrl-C, and delete it after an error of input, which would happen again."""
    try:
        yield
    except DataError:
        shutil.rmtree(out / SCRATCH, ignore_errors=True)
        raise
    except sqlite3.Error as error:
        raise OutputError(f"{out}: cannot be written: {error}") from None
    except OSError as error:
        raise write_error(out, error) from None


def _check_resumed(path: Path, out: Path, files: Plan, settings: BuildSettings, train: Path | None) -> None:
    """``ConfigError`` if an unfinished build read other files, or in another way."""
    excluded: dict[str, Any] = {"processes": True}
    if not settings.licences:  # as in a build of an earlier version
        excluded["licences"] = True
    if not settings.edits:
        excluded["edits"] = True
    if not settings.source.leave_out:
        excluded["source"] = {"leave_out"}
    lines = [settings.model_dump_json(exclude=excluded)]
    if train is not None:
        lines.append(digest(train))
    for file, source in files:
        status = file.stat()
        lines.append(f"{source.name} {status.st_size} {status.st_mtime_ns} {as_text(file.resolve())}")
    text = "\n".join(lines)
    if not path.exists():
        with atomic_write(path) as handle:
            handle.write(text)
    elif path.read_text(encoding="utf-8") != text:
        fix = f"Fix: choose another folder, or delete {out / SCRATCH}"
        raise ConfigError(f"{out}: contains an unfinished build of other files or settings. {fix}")


def _read(
    store: Store, number: int, path: Path, source: Source, settings: BuildSettings, *, into: int
) -> SourceDescription:
    """Read one file, from where an earlier start ended; a batch is one transaction.

    Its entries are merged with those of source ``into``: the files of a dump speak of the same ids.
    """
    progress = store.progress(number, as_text(path.name))
    licences = {Path(file).resolve(): licence for file, licence in settings.licences.items()}
    processes = settings.processes or thread_count()
    if not progress.finished:
        with progress_bar(f"reading {path.name}", path.stat().st_size, done=progress.position, percent=True) as bar:
            for batch in source.batches(path, settings.source, after=progress.done, processes=processes):
                with store.transaction():
                    progress.add(batch, store.add(batch.entries, into, batch.skipped))
                    store.save(number, progress)
                bar.advance_to(batch.position)
                bar.note(f"{progress.entries:,} entries")
        progress.finished = True
        store.save(number, progress)
    return SourceDescription(
        file=as_text(path.name),
        format=source.name,
        sha256=sha256(path),
        licence=licences.get(path.resolve(), settings.licence),
        entries=progress.entries,
        skipped=dict(progress.skipped),
    )
