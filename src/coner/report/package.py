"""A model as a wheel (PEP 427) of data only: the model, its record and its card, and the metadata that it is found by.

The files of the package are in the folder that ``hub.installed`` looks for. Equal input gives equal bytes, with one
version of zlib: names are sorted, and no time is written.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from coner.core.errors import ConfigError, ModelError
from coner.core.files import atomic_write, make_folder
from coner.core.progress import progress_bar
from coner.families.registry import family
from coner.hub.installed import FORMAT, module_name
from coner.hub.names import MANIFEST, MARKER, README
from coner.report.card import CardMetadata
from coner.report.publish import Content, gather, size

PYPI_LIMIT = 100_000_000  # bytes of a file, unless the project asks for more
CHUNK = 1 << 20
TAG = "py3-none-any"


@dataclass(frozen=True)
class PackageName:
    """Name, version and licence of a package, as they are written into its metadata; see ``parse``."""

    name: str  # PEP 508
    version: str  # PEP 440, normalised
    license: str | None  # an SPDX expression, normalised

    @classmethod
    def parse(cls, name: str, version: str, license: str | None) -> PackageName:
        """Check and normalise; ``ConfigError`` names the option that is wrong."""
        try:
            canonicalize_name(name, validate=True)
            if not name.isascii():
                raise InvalidName
        except InvalidName:
            expected = "letters, digits and - _ . between them, as in acme-ner"
            raise ConfigError(f"--name: got {name!r}; expected {expected}") from None
        try:
            normal = str(Version(version))
        except InvalidVersion:
            raise ConfigError(f"--version: got {version!r}; expected a version by PEP 440, as in 1.0") from None
        try:
            spdx = None if license is None else str(canonicalize_license_expression(license))
        except InvalidLicenseExpression:
            expected = "an SPDX expression, as in Apache-2.0 or LicenseRef-Acme"
            raise ConfigError(f"--license: got {license!r}; expected {expected}") from None
        _check_free(name)
        return cls(name, normal, spdx)

    @property
    def stem(self) -> str:
        """Name and version, as file names have them."""
        return f"{module_name(self.name)}-{self.version}"

    @property
    def wheel(self) -> str:
        """File name of the wheel."""
        return f"{self.stem}-{TAG}.whl"


@dataclass(frozen=True)
class Wheel:
    """A wheel that was written."""

    path: Path
    requires: str  # the requirement of coner
    bytes: int
    sha256: str
    files: Mapping[str, int]  # sizes by path in the wheel


def build_wheel(run: Path, package: PackageName, metadata: CardMetadata, out: Path) -> Wheel:
    """Write the model of a run as a wheel into the folder ``out``, completely or not at all.

    An earlier wheel of this name and version is replaced.

    Raises:
        ModelError: as ``gather``; or a file is a symbolic link, or changes meanwhile.
        ConfigError, DataError: as ``gather``.
        OutputError: the wheel cannot be written.
    """
    published = gather(run, metadata)
    for name, content in published.items():
        if isinstance(content, Path) and any(path.is_symlink() for path in _up_to(content, run)):
            raise ModelError(f"{run / name}: is a symbolic link; expected a file. Fix: copy the run with cp -rL")
    requires = f"coner{_extras(published)}>={Version(installed_version('coner')).public}"
    files: dict[str, Content] = {f"{module_name(package.name)}/{name}": f for name, f in sorted(published.items())}
    files |= {f"{package.stem}.dist-info/{name}": f for name, f in _metadata(package, published, requires).items()}
    path = make_folder(out) / package.wheel
    with atomic_write(path, "wb") as handle:
        _write(handle, files, f"{package.stem}.dist-info/RECORD", _expected(published, module_name(package.name)))
    with path.open("rb") as written:
        digest = hashlib.file_digest(written, "sha256").hexdigest()
    return Wheel(path, requires, path.stat().st_size, digest, {name: size(content) for name, content in files.items()})


def _check_free(name: str) -> None:
    """``ConfigError`` if the folder of the package would be that of a Python module."""
    module = module_name(name)
    try:
        found = find_spec(module)
    except (ImportError, ValueError):  # of modules without a specification
        found = None
    if module in sys.stdlib_module_names or (found is not None and found.origin is not None):
        raise ConfigError(f"--name: got {name!r}, the name of a Python module; expected another, as in {name}-ner")


def _up_to(path: Path, folder: Path) -> Iterator[Path]:
    """A path and its parents below ``folder``."""
    return takewhile(lambda parent: parent != folder, (path, *path.parents))


def _extras(published: Mapping[str, Content]) -> str:
    """The extras that the model needs, or if it has members, what they need: ``[encoder]``, or nothing."""
    families = {
        PurePosixPath(name).parent: family(json.loads(content)["kind"])
        for name, content in published.items()
        if PurePosixPath(name).name == MANIFEST and isinstance(content, bytes)
    }
    innermost = [own for folder, own in families.items() if not any(folder in other.parents for other in families)]
    extras = sorted({own.extra for own in innermost if own.extra})
    return f"[{','.join(extras)}]" if extras else ""


def _expected(published: Mapping[str, Content], module: str) -> dict[str, str]:
    """The sha256 of each file of the model by its manifest."""
    manifest = published[MANIFEST]
    files = json.loads(manifest)["files"] if isinstance(manifest, bytes) else {}
    return {f"{module}/{name}": entry["sha256"] for name, entry in files.items()}


def _metadata(package: PackageName, published: Mapping[str, Content], requires: str) -> dict[str, bytes]:
    manifest, card = published[MANIFEST], published[README]
    assert isinstance(manifest, bytes)
    assert isinstance(card, bytes)
    values = json.loads(manifest)
    labels = f"{len(values['labels'])} label{'s' if len(values['labels']) > 1 else ''}"
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {package.name}",
        f"Version: {package.version}",
        f"Summary: A tagger of named entities for coner, of kind {values['kind']}, with {labels}",
        "Keywords: coner,named-entity-recognition",
        *([f"License-Expression: {package.license}"] if package.license else []),
        f"Requires-Dist: {requires}",
        "Description-Content-Type: text/markdown",
        "",
        card.decode().split("\n---\n", 1)[1].lstrip(),  # without the front matter, which is for the hub
    ]
    generator = f"Generator: coner {installed_version('coner')}"
    wheel = ["Wheel-Version: 1.0", generator, "Root-Is-Purelib: true", f"Tag: {TAG}", ""]
    texts = {"METADATA": "\n".join(lines), "WHEEL": "\n".join(wheel), MARKER: json.dumps({"format": FORMAT}) + "\n"}
    return {name: texts[name].encode() for name in sorted(texts)}


def _write(handle: BinaryIO, files: Mapping[str, Content], record: str, expected: Mapping[str, str]) -> None:
    """Write a zip of the files, and their hashes as ``record``, the last one."""
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    total = sum(map(size, files.values()))
    with ZipFile(handle, "w", ZIP_DEFLATED) as archive, progress_bar("writing", total, percent=True) as bar:
        for name, content in files.items():
            digest, count = hashlib.sha256(), 0
            with archive.open(_entry(name, size(content)), "w") as target:
                for chunk in _chunks(content):
                    target.write(chunk)
                    digest.update(chunk)
                    count += len(chunk)
                    bar.advance(len(chunk))
            if digest.hexdigest() != expected.get(name, digest.hexdigest()):
                raise ModelError(f"{name}: has changed while it was read. Fix: run the command again")
            writer.writerow([name, f"sha256={urlsafe_b64encode(digest.digest()).decode().rstrip('=')}", count])
        writer.writerow([record, "", ""])
        text = rows.getvalue().encode()
        with archive.open(_entry(record, len(text)), "w") as target:
            target.write(text)


def _entry(name: str, length: int) -> ZipInfo:
    entry = ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))  # the earliest time that a zip can hold
    entry.compress_type, entry.create_system, entry.external_attr = ZIP_DEFLATED, 3, 0o100644 << 16  # as on Unix
    entry.file_size = length  # larger than 4 GB needs another header
    return entry


def _chunks(content: Content) -> Iterator[bytes]:
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as source:
        while chunk := source.read(CHUNK):
            yield chunk
