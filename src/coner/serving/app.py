"""The routes of the service, and its errors as JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import resources
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from coner.serving import schemas
from coner.serving.cut import cut
from coner.serving.describe import REASONS, describe
from coner.serving.gate import Gate
from coner.serving.problem import Problem
from coner.serving.service import Load, Service
from coner.serving.settings import Settings

PAGE = {"/": ("index.html", "text/html"), "/page.css": ("page.css", "text/css")}
PAGE |= {f"/{name}.js": (f"{name}.js", "text/javascript") for name in ("page", "view", "write")}
PAGE["/icon.svg"] = ("icon.svg", "image/svg+xml")
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
OPEN = frozenset({*PAGE, "/health", "/ready", "/openapi.json"})  # no secrets there: they need no token
CLOSED = {"/tag", "/labels", "/models", "/metrics"}


def make_app(settings: Settings, *, load: Load, failed: Callable[[Exception], None]) -> Gate:
    """The application of one process.

    Args:
        settings: of the service.
        load: opens a model's folder.
        failed: is told, in another thread, why a model cannot be opened.
    """
    service = Service(settings, load=load, failed=failed)
    token = settings.read_token()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        service.close()

    app = FastAPI(
        title="coner",
        version=version("coner"),
        summary="Finds complex, fine-grained named entities in text.",
        lifespan=lifespan,
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
    )
    _add_errors(app)
    _add_tagging(app, service, settings)
    _add_operations(app, service)
    _add_page(app)
    described: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not described:
            names = list(settings.models)
            described.update(describe(app, models=names, limits=settings.limits, token=token is not None))
        return described

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's own way to change it
    known = OPEN | CLOSED

    def measured(path: str, status: int, seconds: float) -> None:
        service.metrics.request(path if path in known else "other", status, seconds)

    return Gate(app, limits=settings.limits, token=token, open_paths=OPEN, measured=measured)


def _may_be(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": schemas.Error, "description": REASONS[status]} for status in statuses}


def _json(value: BaseModel) -> Response:
    """Without FastAPI's second look at it: it is of our own making."""
    return Response(value.model_dump_json(), media_type="application/json")


def _add_tagging(app: FastAPI, service: Service, settings: Settings) -> None:
    statuses = (400, 401, 404, 408, 413, 422, 429, 500, 502, 503, 504)

    @app.post("/tag", response_model=schemas.Answer, responses=_may_be(*statuses), tags=["tagging"])
    async def tag(asked: Annotated[schemas.Asked, Body()]) -> Response:
        """Find the entities of one text or many, given as they are or cut into words."""
        name = service.name(asked.model)
        sentences = cut(asked.inputs(), settings.limits)
        found = await service.tag(name, sentences)
        taxonomy = service.tagger(name).taxonomy
        results = [schemas.result(*pair, taxonomy) for pair in zip(sentences, found, strict=True)]
        return _json(schemas.Answer(model=name, results=results))

    @app.get("/labels", response_model=schemas.Labels, responses=_may_be(401, 404, 422, 503), tags=["tagging"])
    async def labels(model: str | None = None) -> Response:
        """What a model can find: coarse groups, fine labels, and what they mean."""
        name = service.name(model)
        tagger = service.tagger(name)
        return _json(schemas.labels(name, tagger.taxonomy, tagger.labels))

    @app.get("/models", response_model=schemas.Models, responses=_may_be(401), tags=["tagging"])
    async def models() -> Response:
        """Every model that is served; the first is asked where a request names none."""
        entries = []
        for name, batcher in service.batchers.items():
            tagger = batcher.tagger
            kind = None if tagger is None else tagger.kind
            default = name == service.default
            entries.append(schemas.ModelEntry(name=name, default=default, ready=tagger is not None, kind=kind))
        return _json(schemas.Models(models=entries))


def _add_operations(app: FastAPI, service: Service) -> None:
    @app.get("/health", response_model=schemas.State, tags=["operation"])
    async def health() -> Response:
        """Whether the process is alive."""
        return _json(schemas.State(status="alive"))

    @app.get("/ready", response_model=schemas.State, responses=_may_be(503), tags=["operation"])
    async def ready() -> Response:
        """Whether to send requests: every model is loaded, and no queue is full."""
        service.check_ready()
        return _json(schemas.State(status="ready"))

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **_may_be(401)},
        tags=["operation"],
    )
    async def metrics() -> Response:
        """Counters for Prometheus, of the worker that answers."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _add_page(app: FastAPI) -> None:
    folder = resources.files("coner.serving").joinpath("page")
    for path, (name, kind) in PAGE.items():
        content = folder.joinpath(name).read_bytes()
        page = Response(content, media_type=kind, headers=PAGE_HEADERS)
        app.add_api_route(path, _always(page), include_in_schema=False, response_class=Response)


def _always(page: Response) -> Callable[[], Response]:
    return lambda: page  # a default argument would be read from the query


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def told(_request: Request, problem: Problem) -> Response:
        return problem.response()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first, *others = error.errors()
        if request.method == "POST" and "json" not in request.headers.get("content-type", ""):
            why = "the body is not read; expected JSON, and the header 'Content-Type: application/json'"
        elif first["loc"] == ("body",) and first["type"] == "missing":
            why = "no body; expected a JSON object"
        elif first["type"] == "json_invalid":
            why = f"not JSON: {first['ctx']['error'].lower()} at character {first['loc'][-1]}"
        else:
            place = ".".join(map(str, first["loc"][2:]))  # without "body", and the form's name
            why = f"{place}: {first['msg'].lower()}" if place else first["msg"]
        more = f" (and {len(others)} more faults)" if others else ""
        return Problem(422, "invalid_request", why + more).response()

    @app.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> Response:
        codes = {404: "not_found", 405: "wrong_method"}
        code = codes.get(error.status_code, "invalid_request")
        return Problem(error.status_code, code, error.detail, error.headers).response()

    @app.exception_handler(Exception)
    async def broken(_request: Request, _error: Exception) -> Response:
        return Problem(500, "internal", "the service failed; the server's log has it").response()
