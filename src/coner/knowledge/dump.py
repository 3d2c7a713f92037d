"""Dumps: files of many independent lines, which several processes parse; entries come in the order of the file."""

from __future__ import annotations

import multiprocessing
import signal
from abc import abstractmethod
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from coner.core import lines
from coner.core.errors import ConerError
from coner.core.processes import end_with_parent
from coner.knowledge.entry import Entry, is_sound
from coner.knowledge.source import EntryBatch, Source, SourceSettings

LINES, CHARACTERS = 2000, 8 << 20  # of a block
AHEAD = 2  # blocks that are read ahead for each process
Lines = Sequence[tuple[int, str]]  # numbers from 1, and text


class Dump(Source):
    """A file of independent lines; what is wrong in one is counted. Entries, or parts of them, have ids."""

    @abstractmethod
    def parse(self, lines: Lines, settings: SourceSettings, skipped: Counter[str]) -> Iterator[Entry]:
        """The entries of some lines; ``skipped`` counts the others, by reason."""

    def batches(self, path: Path, settings: SourceSettings, *, after: int, processes: int) -> Iterator[EntryBatch]:
        """The entries of each block of lines after the first ``after`` lines."""
        parse = partial(_parse, self, settings)
        if processes == 1:
            for block in _blocks(path, after):
                yield _batch(block, parse(block.lines))
            return
        pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_begin)
        waiting = deque[tuple[_DumpBlock, Future[_Parsed]]]()
        blocks = _blocks(path, after)
        try:
            while True:
                for block in islice(blocks, AHEAD * processes - len(waiting)):
                    waiting.append((block, pool.submit(parse, block.lines)))
                if not waiting:
                    return
                block, future = waiting.popleft()
                yield _batch(block, future.result())
        except BrokenProcessPool:
            message = "a process that parses was killed, maybe for lack of memory. Fix: fewer --processes"
            raise ConerError(f"{path}: {message}; the same command resumes") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _DumpBlock(NamedTuple):
    lines: list[tuple[int, str]]
    last: int  # line
    position: int
    faults: Counter[str]  # of the lines themselves


_Parsed = tuple[list[Entry], Counter[str]]


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the work
    end_with_parent()


def _parse(source: Dump, settings: SourceSettings, block: Lines) -> _Parsed:
    skipped, sound = Counter[str](), list[Entry]()
    for entry in source.parse(block, settings, skipped):
        if is_sound(entry):
            sound.append(entry)
        else:
            skipped["not valid text"] += 1
    return sound, skipped


def _batch(block: _DumpBlock, parsed: _Parsed) -> EntryBatch:
    entries, skipped = parsed
    return EntryBatch(entries, skipped + block.faults, block.last, block.position)


def _blocks(path: Path, after: int) -> Iterator[_DumpBlock]:
    damaged = set[int]()
    reader = lines.Lines(path, lambda line, _message: damaged.add(line))
    block, size, faults, last = list[tuple[int, str]](), 0, Counter[str](), 0
    for last, line in enumerate(reader, 1):
        if last <= after:
            continue
        if last in damaged:
            faults["not UTF-8"] += 1
        else:
            block.append((last, line))
            size += len(line)
        if len(block) == LINES or size > CHARACTERS:
            yield _DumpBlock(block, last, reader.position, faults)
            block, size, faults = [], 0, Counter()
    if block or faults:
        yield _DumpBlock(block, last, reader.position, faults)
