"""What to do when a check of the report is not fine.

Owns one sentence a check. A check without one shows its own detail alone.
"""

ADVICE = {
    "sample_ratio": (
        "Look whether one group's decisions or visitors get lost between the service "
        "and the page, and whether robots have unit_ids of their own."
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
