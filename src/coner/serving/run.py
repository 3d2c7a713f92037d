"""A service from its start to its end: socket, processes, signals."""

from __future__ import annotations

import ipaddress
import logging
import math
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from coner.core.cores import available_cores
from coner.core.errors import ConerError, ConfigError
from coner.core.progress import stderr
from coner.families import load as load_tagger
from coner.families.asking import KINDS, Asking
from coner.families.llm.settings import Budget
from coner.families.manifest import read_model
from coner.families.tagger import Tagger
from coner.serving.app import make_app
from coner.serving.gate import Gate
from coner.serving.service import Load
from coner.serving.settings import Settings

LOG = logging.getLogger("coner.serving")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(process)d %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {
        "coner.serving": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "uvicorn.access": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}
ENDING = (signal.SIGINT, signal.SIGTERM)
BACKLOG = 2048
KEEP_ALIVE = 60  # seconds that a connection may idle
LISTENING_ON = 0.2  # seconds that an idle connection stays open when the service stops


class Protocol(H11Protocol):
    """uvicorn's, but it does not hang up on a request that is on its way when the service stops."""

    def shutdown(self) -> None:
        """The service stops: answer what is under way, or comes within a moment, then close."""
        self.loop.call_later(LISTENING_ON, self._close)

    def _close(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()


def run(settings: Settings, *, load: Load | None = None) -> None:
    """Serve until SIGINT or SIGTERM, and answer what was taken by then.

    Args:
        settings: of the service.
        load: opens a model's folder; a function of a module, for other processes have to find it. ``None``: models are
            checked at once, and opened by ``coner.load``.

    Raises:
        ConerError: a model cannot be opened, the address is taken, or the token is missing.
    """
    if load is None:
        kinds = {read_model(folder)["kind"] for folder in settings.models.values()}
        _check_budget(settings, asks=not kinds.isdisjoint(KINDS))
        load = partial(_load, settings.budget)
    token = settings.read_token()
    listener = _listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    stderr.print(f"serving {', '.join(settings.models)} on {url}")
    if token is None and not ipaddress.ip_address(host).is_loopback:
        stderr.print(f"warning: whoever reaches {host} may ask, for there is no token (see --token-env)")
    (_run_one if settings.workers == 1 else _run_several)(settings, load, listener)


def _load(budget: Budget, folder: Path) -> Tagger:
    tagger = load_tagger(folder)
    if isinstance(tagger, Asking):
        tagger.allow(budget, None)
    return tagger


def _check_budget(settings: Settings, *, asks: bool) -> None:
    bounded = settings.budget != Budget()
    if bounded and not asks:
        raise ConfigError("--budget-tokens, --budget-cost: no model here asks an endpoint; leave them out")
    if bounded and settings.workers > 1:
        raise ConfigError("--budget-tokens, --budget-cost: several workers do not share a budget; expected --workers 1")
    if asks and not bounded:
        stderr.print("warning: requests cost calls of a language model, and nothing bounds them (see --budget-tokens)")


def _run_one(settings: Settings, load: Load, listener: socket.socket) -> None:
    errors: list[Exception] = []

    def failed(error: Exception) -> None:
        errors.append(error)
        server.should_exit = True

    server = uvicorn.Server(_config(settings, make_app(settings, load=load, failed=failed)))
    with _ending(server):
        server.run(sockets=[listener])
    if errors:
        raise errors[0]


def _run_several(settings: Settings, load: Load, listener: socket.socket) -> None:
    # Each process would take all cores for itself.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // settings.workers)))
    config = _config(settings, partial(_worker, settings, load), workers=settings.workers, factory=True)
    supervisor = Multiprocess(config, sockets=[listener])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise ConerError("a worker could not open its models, as it says above")


def _worker(settings: Settings, load: Load) -> Gate:
    return make_app(settings, load=load, failed=_give_up)


def _give_up(error: Exception) -> None:
    """End this process, so that its parent stops the others, and starts no more of them."""
    LOG.error("%s", error, exc_info=None if isinstance(error, ConerError) else error)
    os._exit(STARTUP_FAILURE)


def _config(settings: Settings, app: Any, **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=LOGGING,
        access_log=settings.access_log,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=math.ceil(2 * settings.limits.seconds) + 1,  # body and answer, both at their slowest
        timeout_worker_healthcheck=60,  # torch takes its time to be imported
        **options,
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except (OSError, UnicodeError) as error:
        why = "no name of a host" if isinstance(error, UnicodeError) else (error.strerror or str(error)).lower()
        raise ConfigError(f"--host {host} --port {port}: {why}; choose another") from None
    listener.set_inheritable(True)
    return listener


@contextmanager
def _ending(server: uvicorn.Server) -> Iterator[None]:
    """uvicorn stops at a signal, then raises it once more: by then it must kill nobody."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
