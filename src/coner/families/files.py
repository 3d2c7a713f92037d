"""The files of a model: every one is named in its manifest, and checked before a library reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coner.core.errors import ModelError
from coner.core.native import is_panic
from coner.core.untrusted import Expected, read_arrays, read_json
from coner.families.manifest import COPY, MANIFEST, Manifest

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What a library raises for values that have the right type and no meaning; ImportError: a tokenizer needs a package.
FAULTS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, OSError, RuntimeError, ImportError)
MAX_JSON = 1 << 29  # bytes of a vocabulary or a lexicon


class ModelFiles:
    """Access to the files of a model folder. All methods raise ``ModelError`` in one line.

    A file that the manifest does not name has no hash, so it is never read.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.names = folder, manifest.files

    def path(self, name: str) -> Path:
        """The path of a file, whose size and hash ``read_manifest`` has checked."""
        if name not in self.names:
            raise ModelError(f"{self.folder}: the files do not fit {MANIFEST}: it names no {name!r}. {COPY}")
        return self.folder / name

    def json(self, name: str) -> Any:
        """The value of a JSON file."""
        path = self.path(name)
        with self.reading(name):
            return read_json(path, MAX_JSON)

    def arrays(self, name: str, expected: Expected) -> dict[str, NDArray[Any]]:
        """The arrays of an npz file; see ``read_arrays``."""
        path = self.path(name)
        with self.reading(name):
            return read_arrays(path, expected)

    @contextmanager
    def reading(self, name: str = MANIFEST) -> Iterator[None]:
        """Convert what goes wrong with the content of a file to one line."""
        try:
            yield
        except ModelError:
            raise
        except MemoryError:
            fix = f"{COPY}, if it is damaged, or allow more memory"
            raise ModelError(f"{self.folder / name}: does not fit into memory. {fix}") from None
        except BaseException as error:
            # The tokenizers raise a bare Exception, and a panic of their library is not even one.
            own = type(error) is Exception or is_panic(error)
            if not own and not isinstance(error, FAULTS):
                raise
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            message = f"{self.folder / name}: does not fit {MANIFEST} ({reason}). {COPY}, or train again"
            raise ModelError(message) from None
