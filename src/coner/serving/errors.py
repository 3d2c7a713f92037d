"""Errors of the service, as a client sees them."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.responses import JSONResponse

REASONS = {
    400: "The headers or the body cannot be parsed.",
    401: "The token is missing or wrong.",
    403: "The request names another host.",
    404: "No model has that name.",
    408: "The body was not received in time.",
    413: "The body is too large.",
    422: "The request is invalid or exceeds a limit.",
    429: "The queue is full; retry after the seconds in Retry-After.",
    500: "The model failed.",
    502: "The endpoint of a prompted model gave no answer.",
    503: "The model is still loading or overloaded, or the service is stopping.",
    504: "No answer in time.",
}


class ServiceError(Exception):
    """A request that cannot be answered: HTTP status, code for programs, one line for people, further headers."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})

    def response(self) -> JSONResponse:
        """The error as JSON; lone surrogates, which UTF-8 cannot encode, are written as escapes."""
        message = " ".join(self.message.split()).encode(errors="backslashreplace").decode()
        content = {"error": {"code": self.code, "message": message}}
        return JSONResponse(content, self.status, headers=self.headers)
