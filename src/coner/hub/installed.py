"""Models that are installed as Python packages of data only, as ``coner package`` builds them.

Such a package is found by its metadata: ``acme_ner-1.0.dist-info`` holds ``coner.json``. Its files are in the folder
``acme_ner`` beside that. The place follows from the name alone, so that no metadata can point elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from difflib import get_close_matches
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

from coner.core.errors import ModelError
from coner.core.untrusted import parse_json, read_regular
from coner.hub.names import MANIFEST, MARKER, names_in

FORMAT = 1  # of the marker
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")  # of a package: PEP 508


def local_folder(name: str | Path, *, trusted: Callable[[str], bool]) -> Path:
    """The folder of a model on this machine: an existing one wins, then that of an installed package of this name.

    A name that looks like a path (it has a separator or a suffix) is returned as it is if there is neither.

    Args:
        name: a folder, or the name of a package.
        trusted: whether models of a kind may be used without trusting their author.

    Raises:
        ModelError: there is neither, or the package is damaged, not of a trusted kind, or refers to other places.
    """
    path, text = Path(name), str(name)
    if path.exists():
        return path
    if (package := _find(text)) is not None:
        return _folder(package, text, trusted)
    if not _NAME.fullmatch(text) or path.suffix:
        return path
    close = get_close_matches(text, [*installed_packages(), *_folders_here()], n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "check the name; coner models lists such packages"
    expected = "expected the folder of a trained model, or an installed package of this name with one"
    raise ModelError(f"{text}: does not exist; {expected}. Fix: {hint}")


def is_local(name: str | Path) -> bool:
    """Whether a model is on this machine: a folder, or an installed package."""
    return Path(name).exists() or _find(str(name)) is not None


def installed_packages() -> dict[str, str]:
    """Names of the installed packages with a model, sorted, and their versions."""
    packages: dict[str, str] = {}
    for found in distributions():
        name = found.metadata["Name"] if _marker(found) is not None else None
        if name and _NAME.fullmatch(name):
            packages.setdefault(name, re.sub(r"[^\w.+!-]", "?", found.version or "?"))  # the first one is imported
    return dict(sorted(packages.items()))


def module_name(package: str) -> str:
    """The folder that the files of a package are in: its normalised name, with underscores."""
    return re.sub(r"[-_.]+", "_", package).lower()


def _find(name: str) -> Distribution | None:
    """The installed package of this name, if it has a model."""
    if not _NAME.fullmatch(name):
        return None
    with suppress(PackageNotFoundError):
        found = distribution(name)
        return None if _marker(found) is None else found
    return None


def _marker(package: Distribution) -> str | None:
    try:
        return package.read_text(MARKER)
    except ValueError:  # not UTF-8
        return ""


def _folder(package: Distribution, name: str, trusted: Callable[[str], bool]) -> Path:
    """The model folder of a package, after checks of what it refers to; its hashes are checked when it is opened."""
    fix = f"Fix: pip install --force-reinstall {name}"
    try:
        format = parse_json(_marker(package) or "")["format"]
        if type(format) is not int or format < 1:
            raise TypeError
    except (ValueError, KeyError, TypeError):
        raise ModelError(f"{name}: the package has a damaged {MARKER}; expected one by coner package. {fix}") from None
    if format > FORMAT:
        raise ModelError(f"{name}: {MARKER}: got format {format}; expected at most {FORMAT}. Fix: update coner")
    folder = package.locate_file(module_name(name))
    if not isinstance(folder, Path):
        raise ModelError(f"{name}: is in a zip file; expected an installed package. Fix: pip install it")
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            raise ModelError(f"{path}: is a symbolic link; expected the files of the package {name}. {fix}")
    if not folder.is_dir():
        raise ModelError(f"{name}: the package has no folder {folder}; expected one with a model. {fix}")
    for manifest in sorted(folder.rglob(MANIFEST)):  # of the model, and of all models in it
        try:
            content = read_regular(manifest)
        except (ValueError, OSError) as error:
            raise ModelError(f"{manifest}: cannot be read: {error}. {fix}") from None
        names_in(content, f"{manifest.parent}", trusted=trusted)
    return folder


def _folders_here() -> list[str]:
    with suppress(OSError):
        return [path.name for path in Path().iterdir() if (path / MANIFEST).is_file()]
    return []
