"""What caps and quiet hours leave of the variants that a request may be shown.

Owns the order: quiet hours, then caps that count what was shown so far, then strict
caps, whose places are held from the look at them until the choice is made. So the pmf
that is drawn from is over what is really left, and two requests at once can't both have
the last place. What can't be read keeps its variants out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from bandit_svc.domain.context import value_at
from bandit_svc.domain.people.unit_state import UnitState
from bandit_svc.domain.plain_values import Context
from bandit_svc.domain.programmes.caps import CAP_REASON, NOTHING, Cap
from bandit_svc.domain.programmes.counted import (
    UNREAD,
    WITHOUT_UNIT,
    CountedCap,
    exposures,
    trail_of,
)
from bandit_svc.domain.programmes.quiet import ZoneOf, why_quiet
from bandit_svc.domain.variant import Variant
from bandit_svc.errors import NothingEligible, Unavailable
from bandit_svc.services.serving.limits.limits import Limits
from bandit_svc.services.serving.limits.recent_exposures import RecentExposures
from bandit_svc.storage.programmes.reservations import Held, Place, Reservations

_UNIT = "unit."
_CONTEXT = "context."


class Recipient(NamedTuple):
    """Who something would be shown to.

    Attributes:
        unit_id: the oldest id; None without consent, and where the request names none.
        ids: all ids that are known, for strict caps, which count without consent too.
        state: what is known of the person.
        unread: that could not be read.
        context: of the request, as it is kept.
    """

    unit_id: str | None
    ids: tuple[str, ...]
    state: UnitState | None
    unread: bool
    context: Context


class LimitPorts(NamedTuple):
    """Where it is known what was shown."""

    reservations: Reservations
    recent: RecentExposures


class Room:
    """What is left, and who has to be told of the choice.

    Attributes:
        variants: that are left, in order.
        kept_out: the reasons of the others, by key.
    """

    def __init__(
        self,
        ports: LimitPorts,
        limits: Limits,
        recipient: Recipient,
        variants: Sequence[Variant],
        now_ms: int,
    ) -> None:
        self._ports = ports
        self._limits = limits
        self._recipient = recipient
        self._now_ms = now_ms
        self._held: Held | None = None
        self.variants = tuple(variants)
        self.kept_out: dict[str, str] = {}

    def take(
        self, shown: Iterable[Variant], decision_id: str, *, deferred: bool
    ) -> tuple[CountedCap, ...]:
        """Return the caps that count a choice, and take its places under strict ones.

        Args:
            shown: the variants that were chosen.
            decision_id: of the decision.
            deferred: whether it is shown later, if ever.
        """
        limits, now_ms = self._limits, self._now_ms
        caps = dict.fromkeys(cap for one in shown for cap in limits.caps_of(one))
        if self._held is not None:
            until_ms = now_ms + limits.expose_within_ms if deferred else None
            trails = dict.fromkeys(self.trail(cap) for cap in caps if cap.strict)
            self._held.take(
                Place(trail, decision_id, now_ms, until_ms) for trail in trails
            )
        if self._recipient.unit_id is None:
            return ()
        counted = tuple(
            CountedCap(limits.programme, cap.name, cap.words, cap.max, cap.per_ms)
            for cap in caps
        )
        if not deferred:
            for trail in dict.fromkeys(cap.trail for cap in counted):
                self._ports.recent.add(self._recipient.unit_id, trail, now_ms)
        return counted

    def leave_quiet(self) -> None:
        """Keep everything but `nothing` out where it is quiet."""
        limits = self._limits
        # Without consent nothing of the person is told, not even where they live.
        told = self._recipient.unit_id is not None or not self._recipient.ids
        where = zones_of(self._recipient)
        why = why_quiet(
            limits.quiet, limits.channel, where, self._now_ms, tells_zone=told
        )
        if why is not None:
            self._leave({v.key: why for v in self.variants if v.key != NOTHING})

    def leave_capped(self) -> None:
        """Keep out what is counted by a cap that is full, as far as is known."""
        self._leave_full(self._why_full)

    def strict_caps(self) -> list[Cap]:
        """Return the strict caps that count a variant that is left."""
        counting = {cap for v in self.variants for cap in self._limits.caps_of(v)}
        return [cap for cap in self._limits.caps if cap.strict and cap in counting]

    def look(self, reservations: Reservations) -> bool:
        """Keep out what has no place left; return whether something may have one.

        Raises:
            Unavailable: the places can't be read.
        """
        caps = self.strict_caps()
        since = [(self.trail(cap), self._now_ms - cap.per_ms) for cap in caps]
        used = reservations.used(self._recipient.ids, since, self._now_ms)
        if used is None:
            return True
        places = dict(zip(caps, used, strict=True))
        self._leave_full(lambda cap: _why_taken(cap, places.get(cap, 0)))
        return bool(self.strict_caps())

    def hold(self, held: Held) -> None:
        """Look at places that nobody else changes now, and take from them later."""
        self._held = held

        def why(cap: Cap) -> str | None:
            from_ms = self._now_ms - cap.per_ms
            return _why_taken(cap, held.used(self.trail(cap), from_ms, self._now_ms))

        self._leave_full(lambda cap: why(cap) if cap.strict else None)

    def leave_unread(self) -> None:
        """Keep out what a strict cap counts whose places can't be read or taken."""
        self._leave_full(
            lambda cap: CAP_REASON + cap.words + UNREAD if cap.strict else None
        )

    def trail(self, cap: Cap) -> str:
        """Return the name of what a cap counts."""
        return trail_of(self._limits.programme, cap.name)

    def _leave_full(self, why_full: Callable[[Cap], str | None]) -> None:
        """Keep out the variants that a cap counts which is full, with the reason."""
        reasons: dict[Cap, str | None] = {}
        out: dict[str, str] = {}
        for variant in self.variants:
            for cap in self._limits.caps_of(variant):
                if cap not in reasons:
                    reasons[cap] = why_full(cap)
                why = reasons[cap]
                if why is not None:
                    out[variant.key] = why
                    break
        self._leave(out)

    def _why_full(self, cap: Cap) -> str | None:
        recipient = self._recipient
        reason = CAP_REASON + cap.words
        if recipient.unread:
            return reason + UNREAD
        if not recipient.ids:
            return reason + WITHOUT_UNIT if cap.strict else None
        if recipient.unit_id is None:
            return None
        from_ms = self._now_ms - cap.per_ms + 1
        trail = self.trail(cap)
        known = () if recipient.state is None else recipient.state.trails.get(trail, ())
        count = exposures(known, from_ms)
        count += self._ports.recent.unknown(
            recipient.unit_id, trail, known, from_ms, self._now_ms
        )
        return reason if count >= cap.max else None

    def _leave(self, out: Mapping[str, str]) -> None:
        if not out:
            return
        self.kept_out |= out
        self.variants = tuple([v for v in self.variants if v.key not in out])
        if not self.variants:
            reasons = "; ".join(sorted(set(self.kept_out.values())))
            raise NothingEligible(
                f"no variant of {self._limits.experiment!r} is left after the caps "
                f"and quiet hours of programme {self._limits.programme!r} ({reasons}); "
                "show your own default, or give the experiment a variant `nothing`"
            )


@contextmanager
def room_left(
    ports: LimitPorts,
    limits: Limits,
    recipient: Recipient,
    variants: Sequence[Variant],
    now_ms: int,
) -> Iterator[Room]:
    """Yield what may be shown; what is taken of it is durable at the end.

    Raises:
        NothingEligible: nothing is left.
        Unavailable: what was taken can't be made durable; nothing is shown.
    """
    room = Room(ports, limits, recipient, variants, now_ms)
    room.leave_quiet()
    room.leave_capped()
    # Links are told also where nothing is left to be taken: another id may ask next.
    linked = limits.are_strict and len(recipient.ids) > 1
    if not (linked or room.strict_caps()):
        yield room
        return
    with ExitStack() as stack:
        try:
            if room.look(ports.reservations):
                held = stack.enter_context(ports.reservations.holding(recipient.ids))
                room.hold(held)
        except Unavailable:
            room.leave_unread()
        yield room


def zones_of(recipient: Recipient) -> ZoneOf:
    """Return what finds the time zone of a person."""

    def find(what: str) -> object:
        if what.startswith(_CONTEXT):
            return value_at(recipient.context, what.removeprefix(_CONTEXT))
        state = recipient.state
        return None if state is None else state.traits.get(what.removeprefix(_UNIT))

    return find


def give_back(ports: LimitPorts, decision_id: str) -> None:
    """Free the places of a choice that could not be logged.

    Where that fails too they stay taken: nothing is shown too often.
    """
    with suppress(Unavailable):
        ports.reservations.free(decision_id)


def _why_taken(cap: Cap, used: int) -> str | None:
    return CAP_REASON + cap.words if used >= cap.max else None
