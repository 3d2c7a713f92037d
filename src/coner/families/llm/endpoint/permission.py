"""Ask the user before sentences, and a key, go to an endpoint that a model folder names.

A model folder may come from someone else, and names any address, and any variable that holds a key. Without permission
only an endpoint on this machine is called, and only without a key.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from urllib.parse import urlsplit

from coner.config.user import ALLOWED, allowed_endpoints, remember_endpoint, user_config
from coner.core.errors import ConfigError
from coner.core.progress import stderr
from coner.families.llm.endpoint.settings import Endpoint, key_name

PORTS = {"http": 80, "https": 443}
ANSWERS = {"y": "yes", "yes": "yes", "a": "always", "always": "always"}


def require_permission(endpoint: Endpoint, allowed: Iterable[str] = ()) -> None:
    """Return if the endpoint may be called: on this machine without a key, or because the user allowed its address.

    ``allowed`` are addresses as of ``--allow-endpoint``; the user's config has others. On a terminal the user is asked.
    ``ConfigError`` if none of them allows it.
    """
    if endpoint.on_this_machine and not endpoint.key_env:
        return
    addresses = (*allowed, *allowed_endpoints())
    if any(covers(address, endpoint.base_url) for address in addresses) or _ask(endpoint):
        return
    raise ConfigError(
        f"llm.base_url: got {endpoint.base_url}, which would get {_sent(endpoint)}; expected an endpoint that you "
        f"allowed. Fix: if you trust it, add --allow-endpoint {endpoint.base_url}, or {ALLOWED} = "
        f'["{endpoint.base_url}"] to {user_config()}'
    )


def covers(allowed: str, address: str) -> bool:
    """Whether an allowed address is this one, or the whole server of it: scheme, host and port without a path.

    ``ConfigError`` if the allowed address is not an address.
    """
    try:
        server, path = _parts(allowed)
    except ValueError:
        server, path = ("", "", 0), ""
    if server[0] not in PORTS or not server[1]:
        wrong = f"--allow-endpoint, {ALLOWED}: got {allowed!r:.200}"
        raise ConfigError(f"{wrong}; expected an address like https://example.com/v1")
    return _parts(address)[0] == server and path in ("", _parts(address)[1])


def _parts(address: str) -> tuple[tuple[str, str, int], str]:
    parts = urlsplit(address)
    port = parts.port if parts.port is not None else PORTS.get(parts.scheme, 0)
    return (parts.scheme, (parts.hostname or "").rstrip("."), port), parts.path.rstrip("/")


def _sent(endpoint: Endpoint) -> str:
    name = key_name(endpoint)
    return f"your sentences, and the key in {name}" if name else "your sentences"


def _ask(endpoint: Endpoint) -> bool:
    """Ask on the terminal, if there is one."""
    if sys.stdin is None or sys.stderr is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    question = f"The model calls {endpoint.base_url} with {_sent(endpoint)}."
    stderr.print(f"{question} Allow it? yes, always, or no (default): ", end="", markup=False)
    answer = ANSWERS.get(sys.stdin.readline().strip().lower(), "no")
    if answer == "always":
        stderr.print(f"remembered in {remember_endpoint(endpoint.base_url)}", markup=False)
    return answer != "no"
