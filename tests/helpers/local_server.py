"""llama.cpp's own server on this machine, as a context manager for tests and as a command.

    python tests/helpers/local_server.py MODEL.gguf --port 8080 --threads 2

It needs ``pip install --no-deps xllamacpp``. Use one thread if the cores are busy: with two, each token waits for the
slower one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

LOOPBACK = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def serve(model: Path, *, port: int, threads: int, context: int, slots: int, tied: bool) -> None:
    """Serve until killed; if ``tied``, until standard input ends. The first line of the output is the address."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.model_alias = {model.stem}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = slots
    params.n_ctx = context * slots  # the slots divide it
    params.ui = False
    params.verbosity = 0
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = threads
        cpu.poll = 0  # no busy waiting
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201  # for the parent process
    if tied:
        sys.stdin.read()
    else:
        threading.Event().wait()


@contextmanager
def running(model: Path, *, threads: int = 1, context: int = 2048, slots: int = 2) -> Iterator[str]:
    """The address, up to ``/v1``, of a server that has loaded its model. It ends with this process."""
    options = {"port": 0, "threads": threads, "context": context, "slots": slots}
    command = [sys.executable, __file__, str(model), "--tied", *(f"--{name}={n}" for name, n in options.items())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            assert address, f"the server ended with {process.wait()}"
            wait_for(f"{address}/health")
            yield f"{address}/v1"
        finally:
            process.kill()


def wait_for(url: str, seconds: float = 60.0) -> None:
    """Wait until the address responds with status 200."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with LOOPBACK.open(url, timeout=5):
                return
        except URLError:  # also 503, while the model is loading
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description="llama.cpp's server on this machine")
    parser.add_argument("model", type=Path, help="a GGUF file")
    parser.add_argument("--port", type=int, default=8080, help="0: a free port")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--context", type=int, default=4096, help="tokens of a prompt and its answer")
    parser.add_argument("--slots", type=int, default=1, help="calls at the same time")
    parser.add_argument("--tied", action="store_true", help="end when standard input ends")
    serve(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
