"""A provider for the SDK of OpenFeature that also reports what its users track.

Owns the way of a tracked event to `POST /v1/events`; flags are evaluated by the OFREP
provider that it extends. Needs the extra `openfeature`; nothing else of this package
imports it.
"""

import logging
from typing import Any
from urllib.parse import urljoin

import requests
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.track import TrackingEventDetails

_log = logging.getLogger(__name__)
_FIELDS = {"decisionId": "decision_id", "eventId": "event_id"}
"""Attributes of a tracked event that are no properties of it."""


class BanditProvider(OFREPProvider):
    """Evaluate flags, and report tracked events of the same unit."""

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """Report an event; it never raises, and is not sent again.

        The attribute `decisionId` names the decision that the event is a reward of, and
        `eventId` makes a repeated call safe. Without a targeting key nothing is sent.
        """
        unit_id = evaluation_context.targeting_key if evaluation_context else None
        if not unit_id:
            _log.warning("a tracked event has no targeting key, and was not sent")
            return
        details = tracking_event_details or TrackingEventDetails()
        body: dict[str, Any] = {"unit_id": unit_id, "event": tracking_event_name}
        if details.value is not None:
            body["value"] = details.value
        body |= {
            field: details.attributes[name]
            for name, field in _FIELDS.items()
            if name in details.attributes
        }
        body["properties"] = {
            name: value
            for name, value in details.attributes.items()
            if name not in _FIELDS
        }
        try:
            self.session.post(
                urljoin(f"{self.base_url.rstrip('/')}/", "v1/events"),
                json=body,
                headers=self.headers_factory() if self.headers_factory else None,
                timeout=self.timeout,
            ).raise_for_status()
        except requests.RequestException as error:
            # The message may quote the address, and never the body.
            _log.warning("a tracked event was not kept: %s", error)
