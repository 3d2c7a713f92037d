"""Graceful shutdown: requests sent before the signal are answered, and clients are asked to reconnect."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import selectors
import signal
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState
from uvicorn.supervisors import Multiprocess, multiprocess

CLOSE = (b"connection", b"close")
LINGER = 1.0  # seconds that an idle connection stays open when the service stops
PATIENCE = 3.0  # seconds to wait for the other workers
UNFINISHED = 5.0  # seconds for a request whose header has begun to arrive


class _State(ServerState):
    draining = False


def _announce(headers: list[tuple[bytes, bytes]]) -> None:
    if CLOSE not in headers:
        headers.append(CLOSE)  # in place: responses that have not begun share the list


async def _until_refused(family: int, address: Any) -> None:
    """Wait until the other workers do not listen either, for ``PATIENCE`` at most."""
    loop, end = asyncio.get_running_loop(), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                async with asyncio.timeout(0.2):
                    await loop.sock_connect(probe, address)
            except ConnectionRefusedError:
                return
            except OSError:  # it takes no more connections, which is a TimeoutError
                pass
        await asyncio.sleep(0.02)


class DrainingServer(uvicorn.Server):
    """The server of uvicorn, except for how it stops.

    Connections that wait to be accepted are accepted before it stops listening. Once no worker listens, each answer
    says ``Connection: close``. Idle connections stay open for ``LINGER``, since a request may be on its way.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state: ServerState = _State()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, answer what has arrived, close."""
        for listener in sockets or ():
            with suppress(OSError):
                listener.listen(0)  # the system accepts no more than one further connection
        addresses = [(listener.family, listener.getsockname()) for listener in sockets or ()]
        for _ in range(3):  # in each turn of the loop those that are waiting are accepted
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        if self.config.workers > 1:  # after "Connection: close" a client connects again at once
            for family, address in addresses:
                await _until_refused(family, address)
        self.server_state.draining = True  # type: ignore[attr-defined]
        _announce(self.server_state.default_headers)
        await super().shutdown(sockets)


class DrainingProtocol(H11Protocol):
    """The HTTP protocol of uvicorn for a ``DrainingServer``.

    A connection is closed when the header of a request takes longer than ``timeout_keep_alive``: uvicorn waits for ever
    once a byte has arrived, or before.
    """

    _deadline = 0.0
    _header: asyncio.TimerHandle | None = None  # runs while a header is expected

    def connection_made(self, transport: Any) -> None:
        """A connection that was accepted last begins only after the others were asked to shut down."""
        super().connection_made(transport)
        self._limit_header()
        if getattr(self.server_state, "draining", False):
            self.shutdown()

    def handle_events(self) -> None:
        """Handle what has arrived."""
        super().handle_events()
        self._limit_header()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        if self._header is not None:
            self._header.cancel()

    def _limit_header(self) -> None:
        begun = self.cycle is None or self.conn.trailing_data[0]  # else it is idle, which uvicorn limits
        expected = begun and self.conn.their_state is h11.IDLE
        if expected and self._header is None:
            self._header = self.loop.call_later(self.timeout_keep_alive, self.transport.close)
        elif not expected and self._header is not None:
            self._header.cancel()
            self._header = None

    def shutdown(self) -> None:
        """Answer what is in progress or arrives within a moment, then close."""
        if (cycle := self.cycle) is not None and not cycle.response_complete:
            cycle.keep_alive = False
            _announce(cycle.default_headers)
        self._deadline = time.monotonic() + UNFINISHED
        self.loop.call_later(LINGER, self._close)

    def _close(self) -> None:
        if self.transport.is_closing():
            return
        if self._unread():
            self.loop.call_later(0, self._close)  # what has arrived is read first
        elif self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False  # it closes the connection
        elif self.conn.trailing_data[0] and time.monotonic() < self._deadline:
            self.loop.call_later(0.1, self._close)
        else:
            super().shutdown()

    def _unread(self) -> bool:
        """Whether the system has received something that was not read."""
        with suppress(OSError, ValueError), selectors.DefaultSelector() as selector:
            selector.register(self.transport.get_extra_info("socket").fileno(), selectors.EVENT_READ)
            return bool(selector.select(0))
        return False


class ServingWorker(multiprocess.Process):
    """A worker process, which stops when its parent has died, however that happened."""

    @property
    def server(self) -> uvicorn.Server:
        """The server of this worker."""
        if self._server is None:
            self._server = DrainingServer(self.config)
        return self._server

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """What the process runs."""
        threading.Thread(target=_stop_with_parent, name="coner-parent", daemon=True).start()
        super().target(sockets)


class Supervisor(Multiprocess):
    """The supervisor of uvicorn with workers of this module; it stops listening when they do."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        super().__init__(config, sockets)
        multiprocess.Process = ServingWorker  # type: ignore[misc] # it has no other way to choose them

    def terminate_all(self) -> None:
        """Ask all workers to stop."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


def _stop_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
