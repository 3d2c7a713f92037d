"""Every answer that was paid for, in one SQLite file: asking again costs nothing, and a crash loses nothing.

The file **holds the answers as text**, which repeat what the sentences say; of the prompts it holds hashes only, and
of keys and addresses nothing. It lies where its opener puts it; while it is open SQLite keeps ``-wal`` and ``-shm``
beside it. Delete it, and everything is asked anew.

An answer is on the disk before anyone sees it. Several processes of one machine may share a ledger; a network drive
is no place for it (SQLite's write-ahead log needs shared memory).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tenacity import retry, retry_if_exception_message, stop_after_delay, wait_random

from coner.core.errors import DataError, OutputError
from coner.families.llm.prompts.messages import Completion, Prompt
from coner.families.llm.settings import Endpoint

APPLICATION = 0x434F4E4C  # "CONL": tells a ledger from other SQLite files
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


@dataclass
class Totals:
    """What a run asked and spent.

    Attributes:
        calls: requests sent, those without an answer among them.
        retries: requests sent again.
        cached: prompts that the ledger answered.
        failed: prompts without an answer.
        prompt_tokens, completion_tokens: of the answers that arrived; as counted by the endpoint, else estimated.
        cost: of these tokens, in the currency of the prices.
        seconds: of the calls that gave an answer, together; more than passed where several ran at once.
    """

    calls: int = 0
    retries: int = 0
    cached: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0

    def as_json(self) -> dict[str, int | float]:
        """For a record."""
        return asdict(self)


def prompt_hash(prompt: Prompt, endpoint: Endpoint) -> str:
    """What makes an answer the answer to this prompt: all that the model sees, how it samples; not where."""
    seen = {
        "model": endpoint.model,
        "messages": [[message.role, message.content] for message in prompt.messages],
        "schema": prompt.schema,
        "max_tokens": prompt.max_tokens,
        "temperature": endpoint.temperature,
        "seed": endpoint.seed,
    }
    return hashlib.sha256(json.dumps(seen, sort_keys=True, default=dict).encode()).hexdigest()


class Ledger:
    """The answers so far. Any thread may use it.

    Args:
        path: of the file; it is made where there is none, its folder must exist.

    Raises (all methods):
        DataError: damaged, or no ledger.
        OutputError: it cannot be made or written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.parent.is_dir():
            raise OutputError(f"{path}: the folder {str(self.path.parent)!r} does not exist; make it first")
        self._lock = threading.Lock()
        with self._told():
            self._base = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
            try:
                self._open()
            except BaseException:
                self._base.close()
                raise

    def _open(self) -> None:
        base = self._base
        base.execute("BEGIN IMMEDIATE")  # several may begin the same ledger at once
        marks = tuple(base.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        if marks == (APPLICATION, FORMAT):
            if base.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise self._damaged("it fails SQLite's check")
        elif marks != (0, 0) or base.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise DataError("is no ledger of answers, or of another version; name another file", self.path)
        else:
            base.execute(TABLE)
            base.execute(f"PRAGMA application_id = {APPLICATION}")
            base.execute(f"PRAGMA user_version = {FORMAT}")
        base.execute("COMMIT")
        base.execute("PRAGMA synchronous = FULL")
        self._log()

    # To switch to the log SQLite wants the file for itself, and does not wait where another does the same.
    @retry(
        retry=retry_if_exception_message(match=".*locked"),
        stop=stop_after_delay(BUSY),
        wait=wait_random(0, 0.1),
        reraise=True,
    )
    def _log(self) -> None:
        self._base.execute("PRAGMA journal_mode = WAL")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def count(self) -> int:
        """How many answers it holds."""
        with self._told():
            return int(self._base.execute("SELECT count(*) FROM answers").fetchone()[0])

    def find(self, key: str) -> Completion | None:
        """The answer to a prompt, by its hash."""
        query = "SELECT text, finish, prompt_tokens, completion_tokens, seconds FROM answers WHERE prompt = ?"
        with self._told():
            row: Any = self._base.execute(query, (key,)).fetchone()
        if row is None:
            return None
        text, finish, prompt_tokens, completion_tokens, seconds = row
        return Completion(text, finish, prompt_tokens, completion_tokens, cached=True, seconds=seconds)

    def keep(self, key: str, model: str, answer: Completion) -> None:
        """Bring an answer to the disk. Where another process was quicker, its answer stays."""
        row = (answer.text, answer.finish, answer.prompt_tokens, answer.completion_tokens, answer.seconds)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._told():
            self._base.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (key, model, *row, now))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """One use at a time; what SQLite says of it as one line."""
        with self._lock:
            try:
                yield
            except (sqlite3.OperationalError, sqlite3.ProgrammingError) as error:
                raise OutputError(f"{self.path}: the ledger cannot be used: {error}") from None
            except sqlite3.DatabaseError as error:
                raise self._damaged(str(error)) from None

    def _damaged(self, why: str) -> DataError:
        return DataError(f"is no ledger of answers, or damaged: {why}; move it away, and all is asked anew", self.path)
