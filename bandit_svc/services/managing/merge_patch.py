"""JSON merge patches (RFC 7396).

Owns the one exception: a policy is replaced as a whole, since the settings of one kind
mean nothing to another. Pure.
"""

from collections.abc import Mapping
from typing import Any

_WHOLE = frozenset({"policy", "baseline", "explore_policy"})


def merged_patch(target: Any, patch: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return a document after a patch; neither is changed."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif name in _WHOLE:
            merged[name] = value
        else:
            merged[name] = merged_patch(merged.get(name), value)
    return merged
