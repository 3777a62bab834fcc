"""The ports of the verbs of this room.

Owns the one bundle of ports that a request about a unit takes.
"""

from typing import NamedTuple

from bandit_svc.eventlog.interface import EventLogWriter
from bandit_svc.storage.credits import Credits
from bandit_svc.storage.privacy import Erased
from bandit_svc.storage.programmes.reservations import Reservations
from bandit_svc.storage.units import UnitFacts, Units


class PeoplePorts(NamedTuple):
    """The ports of one serving process; each is thread-safe."""

    log: EventLogWriter
    facts: UnitFacts
    units: Units
    credits: Credits
    erasures: Erased
    reservations: Reservations
