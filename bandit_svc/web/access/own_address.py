"""Addresses of this service's own pages.

Owns the prefix before them, where a proxy serves the pages under one.
"""

from flask import request


def own(path: str) -> str:
    """Return a path of this service as a browser asks for it."""
    return f"{request.script_root}{path}"
