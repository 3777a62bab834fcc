"""Names of the JSON objects whose fields are not the service's own.

Owns one alias for each. Signatures use these names; everything else that has fields
is a struct.
"""

from collections.abc import Mapping
from typing import Any

Spec = Mapping[str, Any]
"""A policy and its settings, as an experiment declares it; see policies.spec."""
Context = Mapping[str, Any]
"""Features of one request, as its caller sent them."""
Payload = dict[str, Any]
"""A JSON object that is kept or sent on as it is: a patch, a request, a result."""
