"""Who chooses what is shown: the policy, or the caller's own system.

Owns the mode of an experiment, the bound at which it changes by itself, and what can't
be declared beside it. Pure.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from bandit_svc.errors import InvalidInput

Mode = Literal["live", "apprentice"]

LIVE: Mode = "live"
APPRENTICE: Mode = "apprentice"
LEAST_AGREEMENT = 0.5


class SwitchAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bound at which the service makes an apprentice live.

    Each bound that is given must hold, by the lower end of an interval that may be
    looked at always.

    Attributes:
        agreement: of the policy's likeliest variant with what is shown.
        dr_lower: what the policy earns a decision more than the caller's own system,
            in units of the reward.
    """

    agreement: float | None = None
    dr_lower: float | None = None


def check_mode(
    mode: Mode, switch_at: SwitchAt | None, beside: Mapping[str, bool]
) -> None:
    """Refuse a mode that contradicts what else is declared.

    Args:
        mode: of the experiment.
        switch_at: its bound.
        beside: what can't be beside the mode `apprentice`, and whether it is declared.

    Raises:
        InvalidInput: with the pointer to the first field at fault.
    """
    if switch_at is not None:
        _check_bound(switch_at)
    if mode == LIVE:
        return
    for name, declared in beside.items():
        if declared:
            raise InvalidInput.at(
                "/mode",
                f"mode is apprentice, and the experiment has {_WHY[name]}; leave out "
                f"{name} until the experiment is live, or choose the mode live",
            )


def _check_bound(switch_at: SwitchAt) -> None:
    agreement, dr_lower = switch_at.agreement, switch_at.dr_lower
    if agreement is None and dr_lower is None:
        raise InvalidInput.at(
            "/switch_at",
            "switch_at has no bound; give agreement, dr_lower or both, or leave it out",
        )
    # NaN fails the comparison too.
    if agreement is not None and not LEAST_AGREEMENT <= agreement < 1:
        raise InvalidInput.at(
            "/switch_at/agreement",
            f"agreement is {agreement}; it must be at least {LEAST_AGREEMENT} and "
            "below 1, which the lower end of an interval never reaches",
        )
    if dr_lower is not None and not -1e9 <= dr_lower <= 1e9:  # noqa: PLR2004 - rewards end there
        raise InvalidInput.at(
            "/switch_at/dr_lower",
            f"dr_lower is {dr_lower}; it must be a reward between -1e9 and 1e9",
        )


_WHY = {
    "programme": (
        "a programme, whose groups and caps decide what is shown, which the caller's "
        "own system does already"
    ),
    "split": (
        "a split, which serves another policy, while the caller's own system chooses"
    ),
    "slots": "several slots, while one shown variant can be learned from",
    "reward.learn_on": (
        "learn_on first_reward, by which successes are learned before failures, so "
        "that agreement and values would be of a biased log"
    ),
}
