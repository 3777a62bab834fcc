"""A programme with caps, its two experiments, and what is asked of them."""

from collections.abc import Callable, Mapping
from typing import Any

from bandit_svc.domain.limits import DAY_MS
from tests.harness.worker_in_process import WorkerInProcess

OFFER = {"match": "tag=offer", "max": 1, "per": "30d"}
STRICT = OFFER | {"strict": True}
MAIL = {"match": "channel=email", "max": 2, "per": "7d"}
NOTHING = {"key": "nothing"}
VOUCHER = {"key": "voucher", "tags": ["offer"]}
REMINDER = {"key": "reminder"}
OUT = {"voucher": "cap: offer 1 per 30d"}
DAY_S = DAY_MS / 1_000

Declare = Callable[..., WorkerInProcess]


def declared_on(
    service: WorkerInProcess, *caps: Mapping[str, object], **programme: object
) -> WorkerInProcess:
    body = {"key": "shop", "caps": caps} | programme
    answer = service.post("/v1/programmes", body)
    assert answer.status_code == 201, answer.text
    variants = [NOTHING, VOUCHER, REMINDER]
    for key, channel in (("popup", "web"), ("cart-mail", "email")):
        service.create(key, programme="shop", channel=channel, variants=variants)
    return service


def ask(service: WorkerInProcess, unit: str, **fields: object) -> dict[str, Any]:
    body = {"experiment": "popup", "unit_id": unit} | fields
    answer = service.post("/v1/decisions", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def show(service: WorkerInProcess, unit: str = "u", **fields: object) -> dict[str, Any]:
    """Show the voucher, which the request leaves alone."""
    return ask(service, unit, variants=["voucher"], **fields)


def kept_out(
    service: WorkerInProcess, unit: str = "u", **fields: object
) -> dict[str, str]:
    return dict(ask(service, unit, **fields).get("ineligible", {}))
