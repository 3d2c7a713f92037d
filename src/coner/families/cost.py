"""The cost of many labels, which grows with the square of their number: logged before training starts, or refused."""

from __future__ import annotations

from coner.core.errors import ConfigError

NOTABLE = 600  # seconds: below, nothing is said
MAX_SECONDS = 7 * 86_400  # seconds


def state_cost(what: str, *, seconds: float, memory: float, faster: str, instead: str) -> str | None:
    """The cost in one line if it is notable; ``ConfigError`` with an alternative if it is more than a week.

    Args:
        what: has this cost; the line begins with it.
        seconds: processor time of the whole training that is due to the tags.
        memory: bytes.
        faster: what lowers the cost.
        instead: what to do if it is too high.
    """
    if seconds < NOTABLE:
        return None
    cost = f"{what} take about {seconds / 3600:,.1f} h of processor time and {memory / (1 << 30):.1f} GiB of memory"
    if seconds > MAX_SECONDS:
        raise ConfigError(f"{cost}; expected at most {MAX_SECONDS // 86_400} days. Fix: {instead}")
    return f"{cost}; faster: {faster}"
