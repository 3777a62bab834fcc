"""Why a person was shown a variant, in words that were declared for it.

Owns which reasons are named: labelled features alone, those that made the variant
likelier, and never a sensitive one. Pure.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from bandit_svc.domain.events.decision import Decision
from bandit_svc.domain.experiment import Definition
from bandit_svc.domain.people.field_policy import policies_of
from bandit_svc.services.serving.outcomes.asked_model import SAME, AskedModel

MOST_REASONS: Final = 3
AT_RANDOM: Final = "chosen at random, to learn"
FOR_COMPARISON: Final = "not chosen for you, but for a comparison"
BY_CALLER: Final = "chosen by another system, from which this one learns"
ONLY_ONE: Final = "nothing else could be shown"


_ADDED: Final[Mapping[str, str]] = {
    "device": "the device that you use",
    "time": "the time where you are",
    "weather": "the weather where you are",
}
"""Labels of what enrichers have added, where none is declared."""


class Why(NamedTuple):
    """Why one variant was shown.

    Attributes:
        because: the reasons, the strongest first.
        personalised: whether the context changed how likely it was.
        opt_out: a sentence or an address; None if the experiment has none.
    """

    because: tuple[str, ...]
    personalised: bool
    opt_out: str | None


def why(definition: Definition, decision: Decision, model: AskedModel) -> Why:
    """Return why a variant was shown.

    Args:
        definition: the newest one, so that what is declared sensitive later is not
            named either.
        decision: as it was logged.
        model: of its receipt.
    """
    opt_out = definition.opt_out or None
    if decision.shown is not None:
        return Why((BY_CALLER,), personalised=False, opt_out=opt_out)
    if decision.source != "policy":
        return Why((FOR_COMPARISON,), personalised=False, opt_out=opt_out)
    if len(decision.variants) == 1:
        return Why((ONLY_ONE,), personalised=False, opt_out=opt_out)
    effects = model.effects
    # Without the model of that moment nobody can tell: a context may have mattered.
    personalised = bool(decision.context) and (
        not model.kept or any(one.moved > SAME for one in effects)
    )
    if decision.propensity < max(decision.pmf) - SAME or len(set(decision.pmf)) == 1:
        return Why((AT_RANDOM,), personalised, opt_out)
    labels = _labels(definition, decision)
    named = [
        labels[one.key]
        for one in sorted(effects, key=lambda one: -one.chosen)
        if one.chosen > SAME and labels.get(one.key)
    ]
    because = tuple(dict.fromkeys(named))[:MOST_REASONS]
    return Why(because, personalised, opt_out)


def _labels(definition: Definition, decision: Decision) -> Mapping[str, str]:
    """Return what keys of the context are called; a sensitive one is called nothing."""
    labels = {
        key: _ADDED.get(one.enricher, "") for one in decision.filled for key in one.keys
    }
    for key, one in policies_of(definition.fields).items():
        if one.sensitive:
            labels[key] = ""
        elif one.label:
            labels[key] = one.label
    return labels
