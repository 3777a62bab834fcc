"""The caps and quiet hours of an experiment, in the form that requests read.

Owns which caps count which of its variants. Pure.
"""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET

from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.programmes.caps import Cap, Shown
from bandit_svc.domain.programmes.programme import Programme
from bandit_svc.domain.programmes.quiet import Quiet, quiet_rules
from bandit_svc.domain.variant import Variant


class Limits(msgspec.Struct, frozen=True):
    """What a programme limits of an experiment.

    Attributes:
        programme: its key.
        experiment: the key of the experiment.
        channel: of the experiment.
        caps: of the programme.
        quiet: the quiet hours of the channel.
        expose_within_ms: how long a deferred decision keeps a place under a strict cap.
        known: the experiment's own variants with the caps that count them, by key.
    """

    programme: str
    experiment: str
    channel: str | None
    caps: tuple[Cap, ...]
    quiet: tuple[Quiet, ...]
    expose_within_ms: int
    known: Mapping[str, tuple[Variant, tuple[Cap, ...]]] = {}

    @property
    def are_strict(self) -> bool:
        """Return whether a cap reserves its places."""
        return any(cap.strict for cap in self.caps)

    def caps_of(self, variant: Variant) -> tuple[Cap, ...]:
        """Return the caps that count a variant, of the request or its own."""
        found = self.known.get(variant.key)
        # A request may bring another variant of the same key.
        if found is not None and found[0] is variant:
            return found[1]
        return self.counting(variant)

    def counting(self, variant: Variant) -> tuple[Cap, ...]:
        """Return the caps that count a variant, looked at anew."""
        tags = () if variant.tags is UNSET else variant.tags
        shown = Shown(self.experiment, self.channel, variant.key, tags)
        return tuple([cap for cap in self.caps if cap.counts(shown)])


def limits_of(programme: Programme | None, experiment: Definition) -> Limits | None:
    """Return what a programme limits of an experiment; None for nothing."""
    if programme is None:
        return None
    declared = programme.definition
    channel = experiment.channel or None
    hours = [one for one in quiet_rules(declared.quiet) if one.channel == channel]
    if not declared.caps and not hours:
        return None
    limits = Limits(
        programme.key,
        experiment.key,
        channel,
        declared.caps,
        tuple(hours),
        experiment.expose_within_ms,
    )
    known = {one.key: (one, limits.counting(one)) for one in experiment.active_variants}
    return msgspec.structs.replace(limits, known=known)
