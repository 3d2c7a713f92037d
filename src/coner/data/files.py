"""Data files: their format, their hash, and the check that no output replaces them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from coner.core.errors import DataError, OutputError
from coner.core.files import sha256
from coner.core.lines import BOM
from coner.core.opening import read_bytes
from coner.data.formats import Format, all_formats, formats, suffix
from coner.data.reading.cells import joined

HEAD = 1 << 16
SURE = 0.9  # of the format of a file, against its name
FIXES = {  # for files that are not read: their endings, and what to do instead
    ".a1 .a2": "rename NAME.a1 to NAME.ann beside NAME.txt, which is brat",
    ".xml .tei .xmi": "export it as brat, WebAnno TSV 3 or CoNLL",
    ".ttl .nt .nif .rdf .owl .jsonld": "convert it to brat, or write JSON objects with text and entities",
    ".xlsx .xls .ods": "save it as CSV in UTF-8",
    ".pdf .doc .docx .odt .rtf": "save it as plain text, .txt",
    ".zip .tar .tgz .bz2 .xz .7z": "unpack it, or use gzip",
    ".opennlp .muc": "convert it to CoNLL, brat or JSONL",
    ".rasa": "convert it with rasa data convert nlu -f json",
    ".py .ipynb .yaml .yml": "write the data as JSON, such as with json.dump",
    ".pkl .pickle .arrow .feather": "write it as Parquet",
}
STARTS = {
    ".xml": re.compile(rb"\s*<(?:\?xml|!DOCTYPE)"),
    ".ttl": re.compile(rb"(?i)\s*@?prefix\s+[\w-]*:\s*<"),
    ".opennlp": re.compile(rb"(?s).*?<START(?::[^<>\s]+)?> [^<]*<END>"),
    ".rasa": re.compile(rb"(?s)(?:.*\n)?## *intent: *[^ \n]+\r?\n[-*] "),
    ".muc": re.compile(rb"(?s).*?<(?:ENAMEX TYPE=|(PER|PERSON|LOC|LOCATION|ORG|ORGANIZATION)>[^<>\n]*</\1>)"),
}
WORD_AND_LABEL = re.compile(r"[^ \t]+(?:\t([^ \t]*))?\r?")
COLUMNS = (".tag", ".tags", ".ner", ".col", ".bilou", ".bmes", ".iobes", ".bieo")  # of words and tags, never plain text


def detect(path: str | Path) -> str:
    """The name of the format of a file or folder: by its name, else, as for ``.json``, by its start.

    ``DataError`` if it cannot be read, is a folder without data, or is a pipe, whose start would be lost.
    """
    file = Path(path)
    claims = claimed_by(file)
    if claims and not file.is_file():
        return claims[0].name
    if file.is_dir():
        expected = ", or ".join(format.folder for format in all_formats() if format.folder)
        raise DataError(f"is a folder; expected a file, {expected}{_inside(file)}", path)
    if str(path) == "-" or (file.exists() and not file.is_file()):
        got = "got standard input" if str(path) == "-" else "is a pipe or device"
        choices = ", ".join(format.name for format in all_formats() if format.reader and not format.folder)
        raise DataError(f"{got}, whose format is unknown. Fix: name a file, or --from with one of: {choices}", path)
    head = read_bytes(path, HEAD).removeprefix(BOM)
    if head and claims and all(type(format).sniff is not Format.sniff and not format.sniff(head) for format in claims):
        # Another format than its name says, such as columns of CoNLL in a .csv or .conllu file.
        claims = [format for format in all_formats() if format.sniff(head) >= SURE] or claims
    ranked = sorted(claims or all_formats(), key=lambda format: format.sniff(head), reverse=True)
    best = next((format for format in all_formats() if format.certain and format.sniff(head) == 1), ranked[0])
    if not claims and best.name == "text":
        _refuse_text(file, head)
    return best.name


def _inside(folder: Path) -> str:
    """The advice to name something in a folder that has no format itself."""
    for inner in sorted(folder.iterdir()):
        if fix := next((fix for endings, fix in FIXES.items() if suffix(inner) in endings.split()), None):
            return f". Fix: {fix}"
        if claimed_by(inner):
            return f". Fix: name one of its {'folders' if inner.is_dir() else 'files'}, such as {inner}"
    return ""


def _refuse_text(path: Path, head: bytes) -> None:
    """Raise ``DataError`` for a file that its name or start shows to be no plain text."""
    if b"\0" in head:
        return  # its reader refuses it
    end = next((end for end, start in STARTS.items() if start.match(head)), suffix(path))
    if end in COLUMNS:
        message = "got no columns with tags; expected them, as its name says"
        raise DataError(f"{message}. Fix: name it .conll, with --columns word=1,tag=2; or --from text", path)
    if example := joined(head.decode(errors="replace").split()):
        message = f"got words with their tags, such as {example!r:.80}; expected plain text"
        raise DataError(f"{message}. Fix: write a word and its tag per line, with a space between them", path)
    lines = list(filter(None, head.decode(errors="replace").splitlines()))
    labelled = [match[1] for match in map(WORD_AND_LABEL.fullmatch, lines) if match]
    if len(labelled) == len(lines) and any(labelled):
        message = "got a word per line, some with a label behind a tab; expected plain text"
        raise DataError(f"{message}. Fix: name it .conll, with O where there is no label; or --from text", path)
    if fix := next((fix for endings, fix in FIXES.items() if end in endings.split()), None):
        raise DataError(f"got {end} data, which is not read. Fix: {fix}", path)


def claimed_by(path: Path) -> list[Format]:
    """The formats that a file or folder may have by its name; empty for a folder without data."""
    return [format for format in all_formats() if format.claims(path)]


def output_format(path: str | Path, to: str = "auto") -> str:
    """The format to write: ``to``, or for ``auto`` the one that the name of the file belongs to.

    ``OutputError`` if no format, or several, have such names, or ``path`` is ``-``.
    """
    if str(path) == "-":
        raise OutputError("-: expected the name of a file or folder to write, such as /dev/stdout")
    if to != "auto" and not formats[to].writes:
        raise OutputError(f"--to: got {to!r}, which is read-only. Fix: write conll or jsonl")
    if to != "auto":
        return formats[to].name
    end = suffix(path)
    names = [format.name for format in all_formats() if end and end in (*format.suffixes, *format.output_suffixes)]
    if len(names) == 1:
        return names[0]
    choices = ", ".join(names or [format.name for format in all_formats() if format.writes])
    reason = f"got the ambiguous ending {end!r}" if names else "got a name that belongs to no format"
    raise OutputError(f"{path}: {reason}. Fix: --to with one of: {choices}")


def format_of_name(path: str | Path) -> str | None:
    """The first format whose files have such names."""
    return next((format.name for format in all_formats() if suffix(path) in format.suffixes), None)


def source_files(path: Path) -> list[Path]:
    """The existing files that belong to data at ``path``: the file itself, both files of a pair, those of a folder."""
    claims = claimed_by(path)
    return [file for file in (claims[0].files(path) if claims else [path]) if file.is_file()]


def digest(path: Path) -> str:
    """The sha256 of a data file in hex; of several files, that of their names and hashes."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else sorted(source_files(path))
    if not path.is_dir() and len(files) < 2:
        return sha256(path)
    root = path if path.is_dir() else path.parent
    lines = [f"{sha256(file)}  {file.relative_to(root).as_posix()}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def keep_apart(source: str | Path, *outputs: Path) -> None:
    """Raise ``OutputError`` if an output is a file of the source."""
    files = [] if str(source) == "-" else source_files(Path(source))
    for out in outputs:
        if out.is_file() and any(file.samefile(out) for file in files):
            raise OutputError(f"{out}: is the input itself. Fix: choose another output")
