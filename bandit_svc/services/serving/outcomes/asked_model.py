"""A model that is asked again about a decision of its time.

Owns what is known from asking it: whether it agrees, and what each context key did.
"""

from typing import NamedTuple

SAME = 1e-9
"""Chances that differ by less are the same ones."""


class KeyEffect(NamedTuple):
    """How the chances change when one context key is left out.

    Attributes:
        moved: the total variation distance between the two distributions.
        chosen: what the key adds to the chance of the chosen variant.
    """

    key: str
    moved: float
    chosen: float


class AskedModel(NamedTuple):
    """The model of that moment, asked again; `kept` is false if it can't be."""

    version: int
    kept: bool
    agrees: bool = False
    effects: tuple[KeyEffect, ...] = ()
