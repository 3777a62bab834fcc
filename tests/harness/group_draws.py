"""The chance with which a decision was shown, its group being drawn with it."""

from bandit_svc.domain.events.decision import Decision


def mixed_chance(decision: Decision) -> float:
    """Return h pi_B + (1 - h) pi_T of the shown variant, from the logged chances."""
    treatment, baseline = decision.treatment_pmf, decision.baseline_pmf
    assert treatment is not None
    assert baseline is not None
    assert decision.group_chance is not None
    own = decision.group_chance
    h = own if decision.group == "baseline" else 1 - own
    return h * baseline[decision.chosen] + (1 - h) * treatment[decision.chosen]
