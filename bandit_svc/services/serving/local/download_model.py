"""Hand out a published model with all that its decisions follow from.

Owns what of an experiment a caller gets that decides in its own process, and the tag by
which it asks whether there is anything new.
"""

import hashlib
from typing import NamedTuple

from msgspec import UNSET

from bandit_svc.domain.events.decision_id import DecisionIds, local_tag
from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.domain.model_version import ModelVersion
from bandit_svc.domain.variant import Variant, instant_ms
from bandit_svc.errors import Conflict, FieldError, NotFound
from bandit_svc.services.policy_inputs import baseline_spec
from bandit_svc.services.serving.catalog import Catalog
from bandit_svc.services.serving.local.local_reasons import why_not_local
from bandit_svc.storage.control.model_versions import ModelVersions
from policies.draws.published import LocalVariant, Published, Signing, pack

LATEST = "latest"


class DownloadPorts(NamedTuple):
    """What a download is made of.

    Attributes:
        naming: the key of the store's pseudonyms; None where ids are kept as they come.
    """

    catalog: Catalog
    versions: ModelVersions
    ids: DecisionIds
    naming: bytes | None


class Download(NamedTuple):
    """The bytes, with their tag; no bytes where the caller has them already."""

    tag: str
    content: bytes | None


def download_model(
    ports: DownloadPorts, key: str, version: int | None, key_id: str, known: str | None
) -> Download:
    """Return a published model of a running experiment.

    Args:
        version: of the model; None for the one that serves.
        key_id: of the API key, for which the signing key is derived.
        known: the tag of what the caller has; None for nothing.

    Raises:
        NotFound: there is no such experiment, or no such model is kept.
        Conflict: it is not running, or can be decided by the service alone.
    """
    experiment = ports.catalog.running(key).experiment
    reason = why_not_local(experiment.definition)
    if reason is not None:
        raise Conflict(reason, FieldError("/key", reason))
    number = experiment.number
    newest = ports.versions.newest(number)
    asked = version or (0 if newest is None else newest.version)
    tag = _tag(experiment, asked, key_id)
    if tag == known:
        return Download(tag, None)
    found = None if asked == 0 else ports.versions.get(number, asked)
    if found is None and asked:
        detail = (
            f"no model version {asked} of {key!r} is kept; "
            f"GET /v1/experiments/{key}/models lists those that are"
        )
        raise NotFound(detail, FieldError("/version", detail))
    return Download(tag, _packed(ports, experiment, found, key_id))


def _tag(experiment: Experiment, version: int, key_id: str) -> str:
    text = f"{experiment.number} {experiment.revision} {version} {key_id}"
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _packed(
    ports: DownloadPorts,
    experiment: Experiment,
    found: ModelVersion | None,
    key_id: str,
) -> bytes:
    definition, tag = experiment.definition, local_tag(key_id)
    naming = ports.naming if definition.holdout else None
    published = Published(
        experiment=experiment.key,
        number=experiment.number,
        revision=experiment.revision,
        version=0 if found is None else found.meta.version,
        salt=experiment.salt,
        naming=None if naming is None else naming.hex(),
        holdout=definition.holdout,
        exploration_floor=definition.exploration_floor,
        minimum=definition.reward.minimum,
        maximum=definition.reward.maximum,
        window_ms=definition.reward.window_ms,
        policy=dict(definition.policy if found is None else found.meta.policy),
        baseline=dict(baseline_spec(definition)),
        variants=_variants(definition),
        signing=Signing(tag.hex(), ports.ids.local_key(tag).hex()),
    )
    return pack(published, b"" if found is None else found.state)


def _variants(definition: Definition) -> tuple[LocalVariant, ...]:
    return tuple(map(_variant, definition.active_variants))


def _variant(variant: Variant) -> LocalVariant:
    return LocalVariant(
        variant.key,
        variant.features,
        variant.payload,
        None if variant.when is UNSET else variant.when,
        None if variant.from_ is UNSET else instant_ms(variant.from_),
        None if variant.until is UNSET else instant_ms(variant.until),
    )
