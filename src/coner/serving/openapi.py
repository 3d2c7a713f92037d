"""The OpenAPI description: the schemas, completed by what only a running service knows."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from coner.serving.settings import Limits

REASONS = {
    400: "The body cannot be parsed.",
    401: "The token is missing or wrong.",
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


def describe(app: FastAPI, *, models: list[str], limits: Limits, token: bool) -> dict[str, Any]:
    """The description of ``app``, with the names of the models, the lengths of lists, and whether a token is needed."""
    description = FastAPI.openapi(app)
    schemas = description["components"]["schemas"]
    for name in ("OneText", "Texts", "OneSentence", "Sentences"):
        properties = schemas[name]["properties"]
        kept = {key: value for key, value in properties["model"].items() if key in ("title", "description")}
        properties["model"] = {**kept, "anyOf": [{"type": "string", "enum": models}, {"type": "null"}]}
        for key, most in (("texts", limits.texts), ("sentences", limits.texts), ("words", limits.text_words)):
            if key in properties:
                properties[key]["maxItems"] = most
    for path in description["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "model":
                    parameter["schema"] = {"type": "string", "enum": models}
            if token and "401" in operation["responses"]:
                operation["security"] = [{"token": []}]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    if token:
        description["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return description
