"""Calls of libraries in other languages: their errors are errors of Python, and stderr is as before."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from coner.core.native import panics_as_errors


class PanicException(BaseException):
    """As pyo3 names it."""


@pytest.mark.parametrize(
    ("error", "message"),
    [(PanicException("index\n out"), "^index out$"), (Exception("x"), "^x$"), (KeyError("x"), "^KeyError: 'x'$")],
)
def test_a_panic_is_one_line_and_writes_nothing(
    error: BaseException, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=message), panics_as_errors():
        os.write(2, b"stack backtrace\n")
        raise error
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), ValueError("x"), FileNotFoundError(2, "x")])
def test_other_errors_are_left_alone(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, panics_as_errors():
        raise error
    assert raised.value is error


def test_stderr_is_restored_whichever_thread_ends_first(capfd: pytest.CaptureFixture[str]) -> None:
    def call(number: int) -> int:
        with panics_as_errors():
            os.write(2, b"lost\n")
        return number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(call, range(200))) == list(range(200))
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
