"""The routes of the service, its errors as JSON, and its OpenAPI description."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache, partial
from importlib import resources
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from coner.core.counted import counted
from coner.core.html import colour_css
from coner.serving import descriptions, schemas
from coner.serving.batcher import Batcher, Load, OnError
from coner.serving.errors import REASONS, ServiceError
from coner.serving.loop import LoopErrors
from coner.serving.metrics import Metrics
from coner.serving.middleware import RequestGuard
from coner.serving.settings import Limits, Settings

Batchers = Mapping[str, Batcher]  # by the names of the models, the default first

PAGE = {"/": ("index.html", "text/html"), "/page.css": ("page.css", "text/css")}
PAGE |= {f"/{name}.js": (f"{name}.js", "text/javascript") for name in ("page", "view", "export")}
PAGE["/icon.svg"] = ("icon.svg", "image/svg+xml")
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
COLOURS = "/colours.css"
OPEN = frozenset({*PAGE, COLOURS, "/health", "/ready"})  # need no token
PATHS = OPEN | {"/tag", "/labels", "/models", "/metrics", "/openapi.json"}


def make_app(settings: Settings, *, load: Load, on_error: OnError) -> RequestGuard:
    """The application of one process."""
    token, metrics = settings.read_token(), Metrics()
    options: dict[str, Any] = {"load": load, "on_error": on_error, "metrics": metrics}
    batchers = {name: Batcher(name, settings, **options) for name in settings.models}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_exception_handler(LoopErrors())
        for batcher in batchers.values():
            batcher.start()
        yield
        end = time.monotonic() + settings.limits.seconds  # for all models together
        for batcher in batchers.values():
            batcher.close(max(0.0, end - time.monotonic()))

    summary = "Finds complex, fine-grained named entities in text."
    # FastAPI's own pages on the API would load scripts from other sites.
    app = FastAPI(
        title="coner",
        version=version("coner"),
        summary=summary,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would name whatever host the request names
    )
    _add_errors(app)
    _add_tagging(app, batchers, settings.limits)
    _add_operations(app, batchers, metrics)
    _add_page(app)

    openapi = partial(_describe, app, models=list(settings.models), limits=settings.limits, token=token is not None)
    app.openapi = cache(openapi)  # type: ignore[method-assign] # the way that FastAPI documents

    def record(path: str, status: int, seconds: float) -> None:
        path = path if path in PATHS else "other"
        metrics.requests.labels(path, str(status)).inc()
        metrics.request_seconds.labels(path).observe(seconds)

    hosts = settings.allow_hosts if settings.check_hosts else None
    return RequestGuard(app, limits=settings.limits, token=token, open_paths=OPEN, hosts=hosts, on_response=record)


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": schemas.Error, "description": REASONS[status]} for status in statuses}


def _json(value: BaseModel) -> Response:
    return Response(value.model_dump_json(), media_type="application/json")  # FastAPI would validate it again


def _choose(batchers: Batchers, name: str | None) -> Batcher:
    name = next(iter(batchers)) if name is None else name
    if name not in batchers:
        raise ServiceError(404, "unknown_model", f"got model {name!r}; expected one of: {', '.join(batchers)}")
    return batchers[name]


def _add_tagging(app: FastAPI, batchers: Batchers, limits: Limits) -> None:
    @app.post("/tag", response_model=schemas.TagResponse, responses=_errors(*REASONS), tags=["tagging"])
    async def tag(request: Annotated[schemas.TagRequest, Body()]) -> Response:
        """Find the entities of one or several texts, given as strings or as lists of words."""
        batcher = _choose(batchers, request.model)
        sentences = schemas.make_sentences(request, limits)
        predictions = await batcher.tag(sentences)
        results = [schemas.text_result(prediction, batcher.loaded()) for prediction in predictions]
        return _json(schemas.TagResponse(model=batcher.name, results=results))

    @app.get(
        "/labels", response_model=descriptions.ModelLabels, responses=_errors(401, 404, 422, 503), tags=["tagging"]
    )
    async def labels(model: str | None = None) -> Response:
        """The labels that a model can predict, by coarse group, with their definitions."""
        batcher = _choose(batchers, model)
        tagger = batcher.loaded()
        return _json(descriptions.model_labels(batcher.name, tagger.taxonomy, tagger.labels))

    @app.get("/models", response_model=descriptions.Models, responses=_errors(401), tags=["tagging"])
    async def models() -> Response:
        """All models of the service, with calibration and thresholds; a request that names none gets the first."""
        default = _choose(batchers, None).name
        entry = descriptions.ModelEntry.of
        entries = [entry(name, each.tagger, default=name == default) for name, each in batchers.items()]
        return _json(descriptions.Models(models=entries))


def _add_operations(app: FastAPI, batchers: Batchers, collector: Metrics) -> None:
    @app.get("/health", response_model=schemas.Status, tags=["operation"])
    async def health() -> Response:
        """Whether the process is alive."""
        return _json(schemas.Status(status="alive"))

    @app.get("/ready", response_model=schemas.Status, responses=_errors(503), tags=["operation"])
    async def ready() -> Response:
        """Whether to send requests: all models are loaded and no queue is full."""
        for batcher in batchers.values():
            batcher.check_ready()
        return _json(schemas.Status(status="ready"))

    responses: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}, **_errors(401)}

    @app.get("/metrics", response_class=Response, responses=responses, tags=["operation"])
    async def metrics() -> Response:
        """Metrics for Prometheus, of the worker that answers."""
        return Response(generate_latest(collector), media_type=CONTENT_TYPE_LATEST)


def _add_page(app: FastAPI) -> None:
    folder = resources.files("coner.serving").joinpath("page")
    pages = {
        path: Response(folder.joinpath(name).read_bytes(), media_type=media_type, headers=PAGE_HEADERS)
        for path, (name, media_type) in PAGE.items()
    }
    pages[COLOURS] = Response(colour_css(), media_type="text/css", headers=PAGE_HEADERS)

    async def page(request: Request) -> Response:
        return pages[request.scope["path"]]

    for path in pages:
        app.add_api_route(path, page, include_in_schema=False)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(ServiceError)
    async def service_error(_request: Request, error: ServiceError) -> Response:
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def invalid_request(request: Request, error: RequestValidationError) -> Response:
        first, *others = error.errors()
        if request.method == "POST" and "json" not in request.headers.get("content-type", ""):
            why = "the body is not declared as JSON. Fix: send the header 'Content-Type: application/json'"
        elif first["loc"] == ("body",) and first["type"] == "missing":
            why = "got no body; expected a JSON object"
        elif first["type"] == "json_invalid":
            why = f"invalid JSON: {first['ctx']['error'].lower()} at character {first['loc'][-1]}"
        else:
            place = ".".join(map(str, first["loc"][2:]))  # without "body" and the name of the form
            why = f"{place}: {first['msg'].lower()}" if place else first["msg"]
        more = f" (and {counted(len(others), 'more error')})" if others else ""
        return ServiceError(422, "invalid_request", why + more).response()

    @app.exception_handler(HTTPException)
    async def http_error(_request: Request, error: HTTPException) -> Response:
        code = {404: "not_found", 405: "wrong_method"}.get(error.status_code, "invalid_request")
        return ServiceError(error.status_code, code, error.detail, error.headers).response()

    @app.exception_handler(Exception)
    async def internal_error(_request: Request, _error: Exception) -> Response:
        return ServiceError(500, "internal", "the service failed; see the log of the server").response()


def _describe(app: FastAPI, *, models: list[str], limits: Limits, token: bool) -> dict[str, Any]:
    """The OpenAPI description, with the names of the models, the lengths of lists, and whether a token is needed."""
    description = FastAPI.openapi(app)
    components, model = description["components"], {"type": "string", "enum": models}
    maximum = {"texts": limits.texts, "sentences": limits.texts, "words": limits.text_words}
    for form in schemas.FORMS.values():
        properties = components["schemas"][form.__name__]["properties"]
        properties["model"]["anyOf"][0] = model
        for key in maximum.keys() & properties.keys():
            properties[key]["maxItems"] = maximum[key]
    operations = [operation for path in description["paths"].values() for operation in path.values()]
    for operation in operations:
        for parameter in operation.get("parameters", []):
            if parameter["name"] == "model":
                parameter["schema"] = model
        if token and "401" in operation["responses"]:
            operation["security"] = [{"token": []}]
    for name in ("HTTPValidationError", "ValidationError"):  # other errors than ours
        components["schemas"].pop(name, None)
    if token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return description
