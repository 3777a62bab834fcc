"""Counters that the store keeps for each experiment, by name.

Owns their names and what each counts; those of the hits of caps are named by
domain.programmes.counted.
"""

from bandit_svc.domain.events.refusal import REFUSED_FIELDS

COUNTERS = {
    "decisions_treatment": "exposed decisions of the learning policy",
    "decisions_shown": "those of them that the caller's own system made",
    "decisions_baseline": "exposed decisions of the holdout",
    "decisions_repeated": "decisions that were in the log twice, counted once",
    "decisions_ambiguous": "ids under which two different variants were answered",
    "decisions_withdrawn": "decisions that were kept and not answered",
    "decisions_fallback": "decisions by the baseline because a pmf was not valid",
    "decisions_apart_treatment": "decisions without consent of the learning policy",
    "decisions_apart_baseline": "decisions without consent of the holdout",
    "decisions_local": "decisions that clients made in their own process",
    "local_lost": "decisions that clients made and that never came to the log",
    "activations_expired": "activations after the reward window of the decision",
    "caps_unread": "decisions in which it could not be read how often was shown what",
    "repeats_treatment": "decisions of the learning policy that were given again",
    "repeats_baseline": "decisions of the holdout that were given again",
    "repeats_orphan": "decisions given again before they were in the store",
    "forced_treatment": "joined decisions with one variant, of the learning policy",
    "forced_baseline": "joined decisions with one variant, of the holdout",
    "restricted_treatment": "joined without a baseline's variant, learning policy",
    "restricted_baseline": "joined without a baseline's variant, holdout",
    "rewards_accepted": "rewards stored for a decision whose window was open",
    "rewards_duplicate": "rewards sent again with the same value",
    "rewards_conflict": "rewards sent again with another value; the first counts",
    "rewards_corrected": "new totals of rewards that were reported before",
    "rewards_late": "rewards that came or occurred after the decision had closed",
    "rewards_orphan": "rewards whose decision was not known 10 s after they came",
    "rewards_after_retention": "rewards of decisions that the store has dropped",
    "rewards_uncorrected": "new totals of what the store has dropped",
    "rewards_quarantined": "rewards of units that found no decision within 10 s",
    "quarantine_given_up": "rewards of units that found no decision in days",
    "units_in_both_groups": "units with decisions in both groups",
    "reported_treatment": "rewards for decisions of the learning policy",
    "reported_baseline": "rewards for decisions of the holdout",
    "rewards_clipped_treatment": "rewards cut to the range, of the learning policy",
    "rewards_clipped_baseline": "rewards cut to the range, of the holdout",
    "rewards_clipped_orphan": "rewards cut to the range, before their decision came",
    "rewards_refused_treatment": "rewards refused, of the learning policy",
    "rewards_refused_baseline": "rewards refused, of the holdout",
    "rewards_refused_orphan": "rewards refused, of decisions not in the store",
    **{
        f"refused_for_{field}": f"rewards refused for their field {field}"
        for field in REFUSED_FIELDS
    },
}
