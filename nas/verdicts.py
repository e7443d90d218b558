"""Is one network faster than another? By the intervals of their ratios to one baseline; plain numbers only."""

from typing import Literal

Verdict = Literal["faster", "slower", "cannot tell"]

PROCESS_OFFSET = 0.004
"""How far two processes that time one network differ for no reason, relative; intervals inside one process miss it."""


def verdict(candidate: tuple[float, float], other: tuple[float, float], *, offset: float = PROCESS_OFFSET) -> Verdict:
    """Is the candidate faster or slower than the other, or do their intervals overlap?

    Args:
        candidate: Low and high of its ratio to the baseline (or of its latency).
        other: The same of what it is compared with; ``(1.0, 1.0)`` is the baseline itself.
        offset: What two processes differ by for no reason, relative; each interval is widened by half of it.
    """
    if candidate[1] * (1.0 + offset / 2.0) < other[0] * (1.0 - offset / 2.0):
        return "faster"
    if candidate[0] * (1.0 - offset / 2.0) > other[1] * (1.0 + offset / 2.0):
        return "slower"
    return "cannot tell"
