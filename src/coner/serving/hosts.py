"""Which hosts a request may name: a page of another site must not reach a service on this machine.

With DNS rebinding the name of that site resolves to 127.0.0.1, so the browser takes the service for a part of the site.
It still sends the name in ``Host``, and in ``Origin`` if a script of another site sends the request.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence

from coner.serving.errors import ServiceError

HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/?#@\[\]\\]+))(?::\d*)?")
ORIGIN = re.compile(r"https?://([^\s/?#@\\]+)", re.IGNORECASE)


def is_loopback(name: str) -> bool:
    """Whether a host name or address is that of this machine itself."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def check_hosts(headers: Mapping[bytes, bytes], allowed: Sequence[str]) -> None:
    """``ServiceError`` 403 if ``Host`` or ``Origin`` name neither this machine nor an allowed host.

    ``Origin`` may also be the address in ``Host``. A request without them does not come from a browser.
    """
    host, origin = headers.get(b"host"), headers.get(b"origin")
    if host is not None and not _known(host.decode("latin-1"), allowed):
        raise _foreign("Host", host)
    if origin is None:
        return
    place = ORIGIN.fullmatch(origin.decode("latin-1"))
    same = place is not None and host is not None and place[1].lower() == host.decode("latin-1").lower()
    if not same and (place is None or _name(place[1]) not in _names(allowed)):
        raise _foreign("Origin", origin)


def _known(host: str, allowed: Sequence[str]) -> bool:
    name = _name(host)
    return is_loopback(name) or name in _names(allowed)


def _name(host: str) -> str:
    match = HOST.fullmatch(host)
    return "" if match is None else (match[1] or match[2]).rstrip(".").lower()


def _names(allowed: Sequence[str]) -> set[str]:
    return {name.strip("[]").rstrip(".").lower() for name in allowed}


def _foreign(header: str, value: bytes) -> ServiceError:
    got = ascii(value[:100].decode("latin-1"))
    fix = "Fix: start coner serve with --allow-host NAME, if that is a name of this service"
    return ServiceError(403, "foreign_host", f"{header}: got {got}; expected a name of this machine. {fix}")
