"""Store every paid answer in one SQLite file: no prompt is paid for twice, and a crash loses no answer.

The file **contains the answers as text**, which quote the sentences; of the prompts it contains only hashes, and no
keys or addresses. While it is open SQLite keeps files ``-wal`` and ``-shm`` beside it.

An answer is on disk before the caller sees it. Several processes of one machine may share a ledger; it does not work
on network drives (SQLite's write-ahead log needs shared memory).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tenacity import retry, retry_if_exception_message, stop_after_delay, wait_random

from coner.core.errors import DataError, OutputError
from coner.families.llm.endpoint.messages import Completion, Prompt
from coner.families.llm.endpoint.settings import Endpoint

APPLICATION = 0x434F4E4C  # "CONL": distinguishes ledgers from other SQLite files
FORMAT = 1
BUSY = 60.0  # seconds to wait for another process
TABLE = """CREATE TABLE answers (
    prompt TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    text TEXT NOT NULL,
    finish TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    at TEXT NOT NULL
) WITHOUT ROWID"""


def prompt_hash(prompt: Prompt, endpoint: Endpoint) -> str:
    """A hash of everything that the model sees and how it samples, but not of the address of the endpoint."""
    values = {
        "model": endpoint.model,
        "messages": [[message.role, message.content] for message in prompt.messages],
        "schema": prompt.schema,
        "max_tokens": prompt.max_tokens,
        "temperature": endpoint.temperature,
        "seed": endpoint.seed,
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=dict).encode()).hexdigest()


class Ledger:
    """The stored answers; safe to use from several threads. The file is created if it is missing.

    Raises (all methods):
        DataError: the file is damaged, or not a ledger.
        OutputError: it cannot be created or written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise OutputError(f"{path}: the folder {str(self.path.parent)!r} does not exist. Fix: create it first")
        if self.path.exists() and not self.path.is_file():
            raise DataError("not a regular file; expected a ledger of answers. Fix: name another file", path)
        self._lock = threading.Lock()
        with self._access():
            self._database = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
            try:
                self._open()
            except BaseException:
                self._database.close()
                raise

    def _open(self) -> None:
        database = self._database
        database.execute("BEGIN IMMEDIATE")  # several processes may create the same ledger at once
        marks = tuple(database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        if marks == (APPLICATION, FORMAT):
            if database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise self._damaged("it fails SQLite's check")
            # A view or a trigger of an untrusted file could run for ever.
            if database.execute("SELECT name, sql FROM sqlite_schema").fetchall() != [("answers", TABLE)]:
                raise self._damaged("it has other tables than one of answers")
        elif marks != (0, 0) or database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise DataError("not a ledger of answers, or one of another version. Fix: name another file", self.path)
        else:
            database.execute(TABLE)
            database.execute(f"PRAGMA application_id = {APPLICATION}")
            database.execute(f"PRAGMA user_version = {FORMAT}")
        database.execute("COMMIT")
        database.execute("PRAGMA synchronous = FULL")
        self._use_write_ahead_log()

    # Switching needs exclusive access to the file, and SQLite does not wait for another process that switches too.
    @retry(
        retry=retry_if_exception_message(match=".*locked"),
        stop=stop_after_delay(BUSY),
        wait=wait_random(0, 0.1),
        reraise=True,
    )
    def _use_write_ahead_log(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def get(self, key: str) -> Completion | None:
        """The answer to the prompt with this hash, or ``None``."""
        query = "SELECT text, finish, prompt_tokens, completion_tokens, seconds FROM answers WHERE prompt = ?"
        with self._access():
            row: Any = self._database.execute(query, (key,)).fetchone()
        if row is None:
            return None
        text, finish, *counts, seconds = row
        whole = all(isinstance(count, int) and 0 <= count < 1 << 53 for count in counts)
        timed = isinstance(seconds, int | float) and 0 <= seconds < float("inf")
        if not (isinstance(text, str) and isinstance(finish, str) and whole and timed):
            raise self._damaged("an answer with values of other types")
        prompt_tokens, completion_tokens = counts
        return Completion(text, finish, prompt_tokens, completion_tokens, cached=True, seconds=seconds)

    def put(self, key: str, model: str, answer: Completion) -> None:
        """Store an answer on disk; an earlier answer to the same prompt is kept."""
        values = (answer.text, answer.finish, answer.prompt_tokens, answer.completion_tokens, answer.seconds)
        row = (key, model, *values, datetime.now(UTC).isoformat(timespec="seconds"))
        with self._access():
            self._database.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    @contextmanager
    def _access(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
                raise OutputError(f"{self.path}: the ledger cannot be used: {error}") from None
            except sqlite3.DatabaseError as error:
                raise self._damaged(str(error)) from None

    def _damaged(self, reason: str) -> DataError:
        return DataError(f"not a ledger of answers, or damaged: {reason}. Fix: move it away to start again", self.path)
