"""The OpenAPI description: what the schemas say, and what only a running service knows."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from coner.serving.settings import Limits

REASONS = {
    400: "The body cannot be parsed at all.",
    401: "The token is missing or wrong.",
    404: "There is no model of that name.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    422: "Not what was expected, or more than a request may ask for.",
    429: "Too much is waiting; ask again after the seconds of Retry-After.",
    500: "The model failed.",
    502: "A prompted model: its endpoint gave no answer.",
    503: "The model is being loaded, has too much to do, or the service is stopping.",
    504: "There was no answer in time.",
}


def describe(app: FastAPI, *, models: list[str], limits: Limits, token: bool) -> dict[str, Any]:
    """The description with the names of the models, the limits of lists, and the token, if one is needed."""
    described = FastAPI.openapi(app)
    schemas = described["components"]["schemas"]
    for schema in schemas.values():
        if schema.get("title") in ("OneText", "Texts", "OneSentence", "Sentences"):
            properties = schema["properties"]
            properties["model"] = _named(properties["model"], models)
            for key, most in (("texts", limits.texts), ("sentences", limits.texts), ("words", limits.text_words)):
                if key in properties:
                    properties[key]["maxItems"] = most
    for path in described["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "model":
                    parameter["schema"] = {"type": "string", "enum": models}
            if token and 401 in map(int, operation["responses"]):
                operation["security"] = [{"token": []}]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    if token:
        described["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return described


def _named(schema: dict[str, Any], models: list[str]) -> dict[str, Any]:
    described = {key: value for key, value in schema.items() if key in ("title", "description")}
    return {**described, "anyOf": [{"type": "string", "enum": models}, {"type": "null"}]}
