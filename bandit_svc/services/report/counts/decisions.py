"""The counts of decisions and rewards in a report.

Owns their shape. Pure.
"""

import msgspec


class Decisions(msgspec.Struct, frozen=True):
    """Counts of decisions and rewards.

    Attributes:
        treatment: exposed decisions of the learning policy that have matured.
        baseline: those of the holdout.
        joined: those of both.
        pending: decisions whose reward window is open.
        unexposed: deferred decisions that were never activated.
        ambiguous: ids under which two variants went out.
        fallback: decisions by the baseline because a pmf was not valid.
        rewards_clipped: rewards cut to the range, or to the room that a sum had in it.
        rewards_refused: rewards that were answered 400, and count nowhere.
        units_in_both_groups: units with decisions in each group, since it is counted.
        repeats: those of both groups that were a decision given again to its unit.
        forced: those whose variant was the only eligible one; not learned from.
        restricted: those in which a variant of the baseline was not eligible.
        local: those that clients made in their own process and logged.
        local_lost: that such clients made, and that never came to the log.
    """

    treatment: int
    baseline: int
    joined: int
    pending: int
    unexposed: int
    ambiguous: int
    fallback: int
    late_rewards: int
    duplicate_rewards: int
    conflicting_rewards: int
    orphan_rewards: int
    rewards_clipped: int
    rewards_refused: int
    units_in_both_groups: int
    repeats: int
    forced: int
    restricted: int
    local: int = 0
    local_lost: int = 0


class Pending(msgspec.Struct, frozen=True):
    """What is known of decisions whose reward window is open.

    Attributes:
        rewarded: those with a reward so far; None once decisions have joined, or too
            many are pending.
        first_matures_at: when the first of them matures, ISO 8601 in UTC.
    """

    rewarded: int | None = None
    first_matures_at: str | None = None
