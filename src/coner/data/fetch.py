"""Download the official files of a data set from the hub, and check them.

Sizes and hashes of the English files are known in advance (published in 2023); those of other languages
are checked against what the hub lists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from coner.core.errors import DataError, OutputError, one_line, requires_extra, status_of
from coner.core.files import WRITE_ERRORS, atomic_write, sha256
from coner.core.locks import lock_folder
from coner.data.stratify import SPLITS

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoSibling

TIMEOUT = 20  # seconds for the listing
LANGUAGES = ("bn", "de", "en", "es", "fa", "fr", "hi", "it", "multi", "pt", "sv", "uk", "zh")


@dataclass(frozen=True)
class ExpectedFile:
    """The size of a file in bytes, and its git blob hash or its sha256."""

    size: int
    blob: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class HubDataset:
    """A data set on the hub."""

    repo: str
    known: dict[str, ExpectedFile]  # expected content, by name, of files known in advance
    licence: str
    cite: str


SOURCES = {
    "multiconer2": HubDataset(
        "MultiCoNER/multiconer_v2",
        {
            "en_train.conll": ExpectedFile(
                4_348_311,
                "f0fa00397bb6d780ae66938c7f0ae61c89d9e39e",
                "1e1af77f95e92aa287c40feb7c10b384192c8ff026c916114a54713f331138ea",
            ),
            "en_dev.conll": ExpectedFile(227_151, "86e747ca6baf06bf6574024dfb6a19b4051591a1"),
            "en_test.conll": ExpectedFile(
                62_002_874, None, "be7e85f1542a9643de5f01cc99465ec0cb9d96a20bdc3c58418d391e194aff9a"
            ),
        },
        "CC BY 4.0",
        "Fetahu et al. 2023, MultiCoNER v2",
    )
}


@dataclass(frozen=True)
class Fetched:
    """A file that was downloaded, or already there."""

    path: Path
    size: int  # bytes
    sha256: str
    checked: str  # against "manifest" (known in advance) or "hub" (its listing)


def fetch(
    name: str, *, language: str, out: Path, splits: Sequence[str] = SPLITS, endpoint: str | None = None
) -> list[Fetched]:
    """Download and check files of a data set; a file that fails its check is not kept.

    Args:
        name: key of ``SOURCES``.
        language: code such as ``en``.
        endpoint: of the hub; if ``None``, ``HF_ENDPOINT`` or the public one.

    Raises:
        DataError: unknown name, language or split; the hub cannot be reached, lacks the file, or sent something else.
        OutputError: the file cannot be written.
        MissingExtra: huggingface_hub is not installed.
    """
    code = language.lower()
    if name not in SOURCES:
        raise DataError(f"got data set {name!r}; expected one of: {', '.join(SOURCES)}")
    if code not in LANGUAGES:
        raise DataError(f"got language {language!r}; {name} has: {', '.join(LANGUAGES)}")
    if wrong := [split for split in splits if split not in SPLITS]:
        raise DataError(f"got split {wrong[0]!r}; expected any of: {', '.join(SPLITS)}")
    source = SOURCES[name]
    with requires_extra("coner data fetch", "hub"):
        from huggingface_hub import HfApi
    api = HfApi(endpoint=endpoint)
    wanted = [f"{code}_{split}.conll" for split in splits]
    with _hub(api, source, wanted[0]):  # one request without retries, so that being offline is reported at once
        info = api.dataset_info(source.repo, files_metadata=True, timeout=TIMEOUT)
    revision, listed = info.sha or "main", {}
    for file in info.siblings or ():  # the folder of a language starts with its code: EN-English
        folder, _, base = file.rfilename.partition("/")
        if folder.partition("-")[0].lower() == code and "/" not in base:
            listed[base] = file
    if missing := [base for base in wanted if base not in listed]:
        known = ", ".join(sorted(listed)) or "nothing"
        raise DataError(f"{source.repo} has no {missing[0]} in {revision[:10]}; for {code.upper()} it has {known}")
    with lock_folder(out):
        return [_fetch_file(api, source, listed[base], revision, out / base) for base in wanted]


def _fetch_file(api: HfApi, source: HubDataset, listed: RepoSibling, revision: str, target: Path) -> Fetched:
    known = source.known.get(target.name)
    # The blob of a large file is that of a pointer to it.
    hashes = {"sha256": listed.lfs.sha256} if listed.lfs else {"blob": listed.blob_id}
    if not known and not all(hashes.values()):
        raise DataError(f"{source.repo}: got no hash of {target.name}: it cannot be checked. Fix: use the official hub")
    expected = known or ExpectedFile(listed.size or 0, **hashes)
    if not (target.is_file() and not _difference(target, expected)):
        with TemporaryDirectory() as folder:
            with _hub(api, source, target.name):
                got = api.hf_hub_download(
                    source.repo, listed.rfilename, repo_type="dataset", revision=revision, local_dir=folder
                )
            if difference := _difference(Path(got), expected):
                advice = "try again; if that repeats, the official file has changed" if known else "try again"
                raise DataError(f"{target.name} from {source.repo} {difference}; nothing was kept. Fix: {advice}")
            with atomic_write(target, "wb") as handle:
                handle.write(Path(got).read_bytes())
    return Fetched(target, target.stat().st_size, sha256(target), "manifest" if known else "hub")


def _difference(path: Path, expected: ExpectedFile) -> str:
    if (size := path.stat().st_size) != expected.size:
        return f"has {size:,} bytes; expected {expected.size:,}"
    if expected.sha256 and (digest := sha256(path)) != expected.sha256:
        return f"has sha256 {digest}; expected {expected.sha256}"
    if expected.blob and (digest := git_blob(path)) != expected.blob:
        return f"has git blob {digest}; expected {expected.blob}"
    return ""


def git_blob(path: Path) -> str:
    """The hash of a file in git: SHA-1 of a header and the bytes."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


@contextmanager
def _hub(api: HfApi, source: HubDataset, file: str) -> Iterator[None]:
    page = f"{str(api.endpoint).rstrip('/')}/datasets/{source.repo}"
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError) and error.errno in WRITE_ERRORS:
            raise OutputError(f"{file}: cannot be written: {error.strerror}") from None
        if status := status_of(error):
            why, fix = f"got status {status} for {file}", "try again later, or download it there by hand"
        else:
            why = f"cannot be reached ({one_line(error)})"
            fix = f"connect, or download {file} there on another machine and copy it here"
        raise DataError(f"{page}: {why}. Fix: {fix}") from None
