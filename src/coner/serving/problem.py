"""Why a request gets no answer: one line for people, a code for programs, a status for HTTP."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.responses import JSONResponse


class Problem(Exception):
    """An answer that is an error.

    Args:
        status: of HTTP.
        code: does not change from version to version.
        message: one line.
        headers: of the answer, beside the usual ones.
    """

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})

    def response(self) -> JSONResponse:
        """As it goes out. Halves of surrogate pairs, which no UTF-8 can hold, are written as escapes."""
        message = " ".join(self.message.split()).encode(errors="backslashreplace").decode()
        content = {"error": {"code": self.code, "message": message}}
        return JSONResponse(content, self.status, headers=self.headers)
