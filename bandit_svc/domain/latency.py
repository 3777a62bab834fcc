"""Latency from exposure to reward, in bins of a fixed ratio.

Owns the edges of the bins, so that a few counts tell every window that might have
been. Pure.
"""

import math

BINS_AN_OCTAVE = 4
"""A bin's upper edge is 2 ** (1/4), that is 1.19 times, its lower one."""
FIRST_EDGE_MS = 100
"""Bin 0 holds all that is quicker."""


def bin_of(latency_ms: float) -> int:
    """Return the bin of a latency; a negative latency counts as 0."""
    if latency_ms <= FIRST_EDGE_MS:
        return 0
    return math.ceil(round(BINS_AN_OCTAVE * math.log2(latency_ms / FIRST_EDGE_MS), 9))


def upper_edge_ms(number: int) -> float:
    """Return the longest latency of a bin."""
    return float(FIRST_EDGE_MS * 2 ** (number / BINS_AN_OCTAVE))


def lower_edge_ms(number: int) -> float:
    """Return the latency that every one of a bin exceeds; 0 for the first bin."""
    return upper_edge_ms(number - 1) if number else 0.0
