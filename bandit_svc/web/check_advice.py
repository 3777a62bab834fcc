"""What to do when a check of the report is not fine.

Owns one sentence a check. A check without one shows its own detail alone.
"""

ADVICE = {
    "sample_ratio": (
        "Look whether one group's decisions or visitors get lost between the service "
        "and the page, and whether robots have unit_ids of their own."
    ),
    "repeat_visits": (
        "Look at the uplift with care: one visitor counts many times. Decide once per "
        "visit rather than per page view, or wait for an effect that is plainly larger "
        "than the interval."
    ),
    "late_rewards": "Choose a longer reward window, or report rewards sooner.",
    "orphan_rewards": (
        "Rewards came for decisions that the store does not have yet. If their number "
        "stays, the log of a lost worker is missing."
    ),
    "ambiguous_decisions": (
        "Callers repeat a request_id with another request. Give each page view its own."
    ),
    "fallback_decisions": (
        "The policy's probabilities were not valid. Look at the service's log, and "
        "restore an older model if it goes on."
    ),
    "learner": (
        "Look whether a learner runs (see Operations) and whether its log has errors."
    ),
    "missing_rewards": (
        "Look whether what reports rewards still runs and still has its key. Until it "
        "does, the bandit learns that nothing works: pause it, and restore a model of "
        "before if it has learned that."
    ),
    "context_drift": (
        "Look whether callers send these context keys as before: a renamed value, a "
        "changed unit, a key left out. If visitors really are others now, the model "
        "learns them; means of before don't speak for them."
    ),
    "calibration": (
        "Something chooses between the draw and the page: a cache, a fallback, a "
        "retry without request_id. Don't use off-policy estimates until it is found."
    ),
    "learn_on": (
        "Set learn_on to maturity in a new experiment, unless rewards must count at "
        "once."
    ),
    "propensity_audit": (
        "Don't use off-policy estimates until it is fine. `bandit-svc audit KEY` says "
        "which decisions are at fault."
    ),
    "scorecard": (
        "The baseline's estimate from the bandit's log disagrees with what the "
        "holdout earned: look for a difference in how the groups are shown or counted."
    ),
}
