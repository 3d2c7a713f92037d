"""Files of strangers: what is not a plain, small, finite file is refused in one line, without waiting."""

from __future__ import annotations

import io
import json
import os
import time
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coner.core import untrusted
from coner.core.untrusted import (
    check_values,
    is_text,
    parse_json,
    parse_toml,
    read_arrays,
    read_json,
    read_regular,
    read_toml,
)

DEEP = 100_000
EXPECTED = {"a": ("i", 1), "b": ("f", 2)}


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def header(text: str) -> bytes:
    data = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(data).to_bytes(2, "little") + data


GOOD = {"a.npy": npy(np.arange(3)), "b.npy": npy(np.ones((2, 2), np.float32))}


def archive(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "text",
    [
        *("[" * DEEP, "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, "[" * 65 + "]" * 65),
        *("1e999", "[-1e999]", "NaN", "Infinity", "9" * 19, "-" + "9" * 5000, "", "{", b"\xff"),
    ],
)
def test_json_that_nobody_writes_is_one_line(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"\A[^\n]{1,300}\Z"):
        parse_json(text)


@pytest.mark.parametrize("value", [None, 1, -(10**17), 0.5, "é\ud800", [[]] * 9, {"a": {"b": [1, {"c": None}]}}])
def test_other_json_is_as_the_standard_library_reads_it(value: Any) -> None:
    text = json.dumps(value)
    assert parse_json(text) == parse_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize("value", [1 << 63, [{"a": -(1 << 64)}], {"a\0": 1}, ["\0"]])
def test_values_that_no_setting_has_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"\A[^\n]{1,300}\Z"):
        check_values(value)


def test_a_number_of_thousands_of_digits_is_refused_without_printing_it() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        check_values([{"a": 0xF**9999}])


def test_a_text_that_is_not_utf_8_is_named() -> None:
    with pytest.raises(ValueError, match=r"got 'a\\udcff\.conll' with a lone surrogate, which UTF-8 cannot encode"):
        check_values({"train": "a\udcff.conll"})


def test_text_is_one_line_that_utf_8_can_write() -> None:
    assert all(map(is_text, ["", "Größe", "a b", "\U0001f600"]))
    assert not any(map(is_text, [1, None, "a\nb", "\0", "\x9b", "\ud800"]))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_a_device_and_a_folder_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "pipe", tmp_path / "link", Path("/dev/zero"), tmp_path, tmp_path / "loop", "a\0b"):
        with pytest.raises((ValueError, OSError)):
            read_regular(path)


def test_a_file_above_the_bound_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ValueError, match="expected at most"):
        read_json(tmp_path / "sparse")


def test_arrays_are_as_numpy_reads_them(tmp_path: Path) -> None:
    arrays = {"a": np.arange(5, dtype=np.int16), "b": np.asfortranarray(np.arange(6.0).reshape(2, 3).astype(">f4"))}
    np.savez(tmp_path / "x.npz", **arrays)
    found = read_arrays(tmp_path / "x.npz", EXPECTED)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert (found[name] == array).all()
        assert found[name].flags.writeable
        assert found[name].dtype.isnative


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.npy", b""),
        ("a.npy", b"\x93NUMPY"),
        ("a.npy", npy(np.arange(3))[:-1]),
        ("a.npy", npy(np.arange(3.0))),
        ("a.npy", npy(np.ones((3, 1), int))),
        ("a.npy", header("{'descr': '<i8', 'fortran_order': False, 'shape': (10**15,)}")),
        ("a.npy", header("{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000000,)}")),
        ("a.npy", header("{'descr': '<i8', 'fortran_order': False, 'shape': (-1,)}")),
        ("a.npy", header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}")),
        ("a.npy", header("(" * 99)),
        ("b.npy", npy(np.array([[1, np.nan]], np.float32))),
        ("b.npy", npy(np.array([[1, np.inf]]))),
        ("b.npy", npy(np.ones((1, 1), np.longdouble))),
        ("c.npy", b""),
    ],
)
def test_other_arrays_are_one_line(tmp_path: Path, name: str, data: bytes) -> None:
    path = archive(tmp_path / "x.npz", {**GOOD, name: data})
    with pytest.raises(ValueError, match=r"\A[^\n]{1,400}\Z"):
        read_arrays(path, EXPECTED)


def test_a_damaged_archive_is_one_line_wherever_the_byte_is(tmp_path: Path) -> None:
    good = archive(tmp_path / "x.npz", GOOD).read_bytes()
    for at in range(len(good)):
        (tmp_path / "x.npz").write_bytes(good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :])
        try:
            read_arrays(tmp_path / "x.npz", EXPECTED)  # a byte that nothing depends on, such as a time
        except ValueError as error:
            assert "\n" not in str(error)
        (tmp_path / "x.npz").write_bytes(good[:at])
        with pytest.raises(ValueError, match="npz"):
            read_arrays(tmp_path / "x.npz", EXPECTED)


def test_a_compressed_array_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    bomb = npy(np.zeros(1 << 22, np.int8))
    path = archive(tmp_path / "x.npz", {**GOOD, "a.npy": bomb}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="compressed"):
        read_arrays(path, EXPECTED)


def test_reading_json_takes_no_module_that_runs_code() -> None:
    assert not {"pickle", "marshal", "eval"} & set(vars(untrusted))


def parts(number: int, part: str = "a", dot: str = ".") -> str:
    return dot.join([part] * number)


@pytest.mark.parametrize(
    "text",
    [
        *(parts(DEEP) + " = 1", f"[{parts(DEEP)}]", f"x = 1\n[[{parts(DEEP)}]]", f"x = {{{parts(DEEP)} = 1}}"),
        *(parts(DEEP, '"a b"') + "=1", parts(DEEP, "'a'", " .\t") + "=1", parts(65) + "=1", parts(DEEP, "é-1") + "=1"),
        *(
            "a = " + "[" * DEEP,
            "a = " + "{b = " * DEEP,
            f"a = {'9' * 5000}",
            f"a = {1 << 63}",
            "a = 1e",
            '"a\\u0000" = 1',
        ),
    ],
)
def test_toml_that_nobody_writes_is_one_line_at_once(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z"):
        parse_toml(text)
    assert time.perf_counter() - start < 1  # tomllib takes hours for keys of so many parts


@pytest.mark.parametrize(
    "text",
    [
        *(parts(60) + " = 1", f"[{parts(60)}]\nb = 1", f"x = '{'long text. ' * 200}'", "x = [" + "1.5, " * 500 + "]"),
        f"x = '{'a' * 100_000}'\n{'y' * 100_000} = 1",
        "".join(f"[part{i}.of]\nfile.name = 'a.b.c'\n" for i in range(500)),
        "a = 1979-05-27T07:32:00.999\n# " + "… " * 300,
    ],
)
def test_other_toml_is_read_as_the_standard_library_does(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    assert read_toml(tmp_path / "x.toml") == parse_toml(text) == tomllib.loads(text)


def test_a_toml_file_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"a = '" + b"x" * untrusted.MAX_BYTES + b"'")
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "latin.toml").write_bytes(b"a = '\xff'")
    for name, message in (("x", "expected at most"), ("pipe", "not a regular file"), ("latin", "at byte 5")):
        with pytest.raises(ValueError, match=message):
            read_toml(tmp_path / f"{name}.toml")
