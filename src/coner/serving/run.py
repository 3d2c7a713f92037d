"""Run a service: socket, worker processes, signals."""

from __future__ import annotations

import ipaddress
import logging
import math
import os
import signal
import socket
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from coner.core.errors import ConerError, ConfigError
from coner.core.processes import available_cores
from coner.core.progress import stderr
from coner.core.terminal import VisibleFormatter
from coner.families import load as load_tagger
from coner.families.manifest import read_manifest
from coner.families.options import LoadOptions
from coner.families.registry import family
from coner.families.tagger import Tagger
from coner.families.usage import Spending
from coner.serving.app import make_app
from coner.serving.batcher import Load
from coner.serving.hosts import is_loopback
from coner.serving.settings import Settings
from coner.serving.shutdown import DrainingProtocol, DrainingServer, Supervisor

LOG = logging.getLogger("coner.serving")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"()": VisibleFormatter, "fmt": "%(asctime)s %(process)d %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": level, "propagate": False}
        for name, level in (("coner.serving", "INFO"), ("uvicorn.error", "WARNING"), ("uvicorn.access", "INFO"))
    },
}


def run(settings: Settings, *, load: Load | None = None) -> None:
    """Serve until SIGINT or SIGTERM, then answer every accepted request and return.

    Args:
        load: a function that can be pickled; by default ``coner.load``, and models are checked before the service
            starts.

    Raises:
        ConerError: a model cannot be opened, the address is taken, or the token is missing.
    """
    if load is None:
        manifests = [read_manifest(folder) for folder in settings.models.values()]
        families = [family(manifest.kind) for manifest in manifests]
        _check_budget(settings, calls_endpoint=any(declared.calls_endpoint for declared in families))
        used = any(manifest.knowledge is not None for manifest in manifests)
        load = partial(_load, settings.spending, settings.options, kb_used=used)
    token = settings.read_token()
    listener = _listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    stderr.print(f"serving {', '.join(settings.models)} on {url}")
    on_this_machine = ipaddress.ip_address(host).is_loopback
    settings = replace(settings, check_hosts=on_this_machine or bool(settings.allow_hosts))
    if on_this_machine and not is_loopback(settings.host):  # a name of its own, as in /etc/hosts
        settings = replace(settings, allow_hosts=(*settings.allow_hosts, settings.host))
    if token is None and not on_this_machine:
        stderr.print(f"warning: anyone who can reach {host} can use the service; protect it with --token-env")
    (_run_one if settings.workers == 1 else _run_several)(settings, load, listener)


def _load(spending: Spending, options: LoadOptions, folder: Path, *, kb_used: bool) -> Tagger:
    if kb_used and not options.get("link") and read_manifest(folder).knowledge is None:
        options = {**options, "kb": None}  # it is that of another model
    tagger = load_tagger(folder, **options)
    if family(tagger.kind).calls_endpoint:
        tagger.limit(spending)
        tagger.check_endpoint()
    return tagger


def _check_budget(settings: Settings, *, calls_endpoint: bool) -> None:
    limited = settings.spending.limited
    if limited and not calls_endpoint:
        raise ConfigError("--budget-tokens, --budget-cost: none of the models calls an endpoint. Fix: leave them out")
    if limited and settings.workers > 1:
        raise ConfigError("--budget-tokens, --budget-cost: workers cannot share a budget. Fix: use --workers 1")
    if calls_endpoint and not limited:
        stderr.print("warning: requests call a language model without a limit on tokens; set one with --budget-tokens")


def _run_one(settings: Settings, load: Load, listener: socket.socket) -> None:
    errors: list[Exception] = []

    def stop(error: Exception) -> None:
        errors.append(error)
        server.should_exit = True

    server = DrainingServer(_config(settings, make_app(settings, load=load, on_error=stop)))
    # uvicorn raises a signal again after its shutdown; the default handler would kill the process.
    before = {number: signal.signal(number, server.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if errors:
        raise errors[0]


def _run_several(settings: Settings, load: Load, listener: socket.socket) -> None:
    threads = max(1, available_cores() // settings.workers)  # by default, each worker would use all cores
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    factory = partial(make_app, settings, load=load, on_error=_exit_worker)
    config = _config(settings, factory, workers=settings.workers, factory=True)
    supervisor = Supervisor(config, [listener])
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise ConerError("a worker could not open its models; the reason is above")


def _exit_worker(error: Exception) -> None:
    """End this process with the exit code on which the supervisor stops all workers."""
    LOG.error("%s", error, exc_info=None if isinstance(error, ConerError) else error)
    os._exit(STARTUP_FAILURE)


def _config(settings: Settings, app: Any, **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=DrainingProtocol,
        ws="none",
        lifespan="on",
        log_config=LOGGING,
        access_log=settings.access_log,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=60,  # seconds that a connection may be idle
        timeout_graceful_shutdown=math.ceil(2 * settings.limits.seconds) + 1,  # the slowest body and the slowest answer
        timeout_worker_healthcheck=60,  # importing torch takes a while
        **options,
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        *how, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(*how)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except (OSError, UnicodeError) as error:
        why = "invalid host name" if isinstance(error, UnicodeError) else (error.strerror or str(error)).lower()
        raise ConfigError(f"--host {host} --port {port}: {why}. Fix: choose another address") from None
    listener.set_inheritable(True)
    return listener
