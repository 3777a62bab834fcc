"""Create and change programmes.

Owns the checks of a whole definition and what a revision may change.
"""

from typing import Any

import msgspec

from bandit_svc.domain.json_shape import converted
from bandit_svc.domain.plain_values import Payload
from bandit_svc.domain.programmes.programme import (
    Programme,
    ProgrammeDefinition,
    check_programme,
)
from bandit_svc.errors import InvalidInput
from bandit_svc.services.evaluation.labels import checked_spec
from bandit_svc.services.managing.merge_patch import merged_patch
from bandit_svc.storage.interface import Storage
from policies.spec import fixed_weights, named_variants


def create_programme(
    storage: Storage, definition: ProgrammeDefinition, salt: str, now_ms: int
) -> Programme:
    """Check and store a new programme.

    Args:
        salt: random text that decides the groups of units.

    Raises:
        InvalidInput: a field is out of its range; the pointer names it.
        Conflict: the key is taken.
    """
    return storage.programmes.create(_checked(definition), salt, now_ms)


def change_programme(
    storage: Storage, key: str, patch: Payload, now_ms: int
) -> Programme:
    """Apply a JSON merge patch (RFC 7396) as the next revision.

    A changed share of a group counts from the next decision on, and moves no unit but
    those between the old share and the new one.

    Raises:
        NotFound: there is no programme of that key.
        InvalidInput: the result is not valid, or the key would change.
        Conflict: it was changed by somebody else meanwhile.
    """
    programme = storage.programmes.get(key)
    old = programme.definition
    merged = merged_patch(msgspec.to_builtins(old), patch)
    definition = _checked(convert_programme(merged))
    if definition.key != old.key:
        raise InvalidInput.at("/key", "the key of a programme can't be changed")
    if definition == old:
        return programme
    return storage.programmes.revise(programme, definition, now_ms)


def convert_programme(raw: Any) -> ProgrammeDefinition:  # noqa: ANN401 - any JSON
    """Read a definition from plain JSON values.

    Raises:
        InvalidInput: a type is wrong or a field is unknown; the pointer names it.
    """
    return converted(raw, ProgrammeDefinition)


def _checked(definition: ProgrammeDefinition) -> ProgrammeDefinition:
    check_programme(definition)
    if definition.explore_policy is None:
        return definition
    spec = checked_spec(definition.explore_policy, "/explore_policy")
    if fixed_weights(spec) is None or named_variants(spec):
        raise InvalidInput.at(
            "/explore_policy/kind",
            f"the policy is {spec['kind']!r}; units that explore get one that neither "
            "learns nor reads the context, and that every experiment of the programme "
            "can follow: uniform or weighted",
        )
    return msgspec.structs.replace(definition, explore_policy=spec)
