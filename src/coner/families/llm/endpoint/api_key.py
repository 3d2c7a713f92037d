"""The key of an endpoint, which comes from the environment and goes nowhere but into requests."""

from __future__ import annotations

import os
import re

from coner.core.errors import ConfigError
from coner.families.llm.settings import DEFAULT_KEY, Endpoint

NO_KEY = "none"  # the protocol wants some key, even where none is looked at
HEADERS = "OPENAI_CUSTOM_HEADERS"  # the client of the protocol would send them to any endpoint


def read_key(endpoint: Endpoint) -> str:
    """The key, from the environment; ``NO_KEY`` where none is needed. The default key is not sent to local endpoints.

    Raises:
        ConfigError: it is needed and not set, or cannot be a key; or the environment sets further headers.
    """
    if os.environ.get(HEADERS):
        raise ConfigError(f"{HEADERS}: is set, and would be sent to {endpoint.base_url} too; unset it for coner")
    if endpoint.local and not endpoint.key_env:
        return NO_KEY
    name = endpoint.key_env or DEFAULT_KEY
    key = os.environ.get(name, "").strip()
    if not key:
        raise ConfigError(
            f"key_env: the environment variable {name} is not set, and {endpoint.base_url} needs a key; "
            "set it, or name another one in key_env"
        )
    if not re.fullmatch("[!-~]+", key):
        raise ConfigError(
            f"key_env: what {name} holds is no key: expected printable ASCII without blanks; set it again"
        )
    return key
