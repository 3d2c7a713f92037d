"""The API key of an endpoint: read from the environment, sent in requests only."""

from __future__ import annotations

import os
import re

from coner.core.errors import ConfigError
from coner.families.llm.endpoint.settings import DEFAULT_KEY, Endpoint

NO_KEY = "none"  # the client library needs some key, even for endpoints that check none
CUSTOM_HEADERS = "OPENAI_CUSTOM_HEADERS"  # the client library would send them to any endpoint


def read_api_key(endpoint: Endpoint) -> str:
    """The key from the environment, or ``NO_KEY``. Local endpoints do not get the default key.

    Raises:
        ConfigError: the key is needed and not set, or is malformed; or the environment sets custom headers.
    """
    if os.environ.get(CUSTOM_HEADERS):
        raise ConfigError(f"{CUSTOM_HEADERS}: is set, and would be sent to {endpoint.base_url} too. Fix: unset it")
    if endpoint.local and not endpoint.key_env:
        return NO_KEY
    name = endpoint.key_env or DEFAULT_KEY
    key = os.environ.get(name, "").strip()
    if not key:
        raise ConfigError(
            f"key_env: the environment variable {name} is not set, and {endpoint.base_url} needs a key. "
            "Fix: set it, or name another variable in key_env"
        )
    if not re.fullmatch("[!-~]+", key):
        raise ConfigError(f"key_env: the value of {name} is not a key; expected printable ASCII without spaces")
    return key
