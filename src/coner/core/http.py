"""Errors of HTTP clients."""

from __future__ import annotations


def status_of(error: BaseException | None) -> int | None:
    """HTTP status of the response behind an error, if any; a client may chain it below an error of its own."""
    while error is not None:
        if (response := getattr(error, "response", None)) is not None:
            return int(response.status_code)
        error = error.__cause__
    return None


def one_line(error: BaseException) -> str:
    """The type of an error and the first line of its message."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
