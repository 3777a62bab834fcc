"""Refuse a prior that an experiment can't begin with.

Owns the rules between two experiments; the form of the setting is policies.prior's.
"""

from bandit_svc.domain.experiment import Definition, Experiment
from bandit_svc.errors import InvalidInput
from bandit_svc.services.learning.priors.prior_files import kept_prior, name_of_prior
from bandit_svc.storage.interface import Storage
from policies.prior.settings import Prior, prior_of

_AT = "/policy/prior"
_OF_OTHER = f"{_AT}/experiment"


def check_prior(
    storage: Storage, definition: Definition, before: Experiment | None = None
) -> None:
    """Refuse a prior of another experiment that doesn't fit.

    Args:
        storage: the service's.
        definition: checked.
        before: the experiment as it is now; None for a new one.

    Raises:
        InvalidInput: there is no such experiment, or it is the experiment itself or
            begins with it; it has no model; its rewards are others; or the experiment
            has begun with another prior already.
    """
    prior = prior_of(definition.policy)
    if prior is None:
        return
    if before is not None and prior == prior_of(before.definition.policy):
        return
    _check_first(storage, prior, before)
    known = {e.key: e for e in storage.experiments.all()}
    _check_chain(definition.key, prior, known)
    other = known.get(prior.experiment)
    if other is None:
        raise InvalidInput.at(
            _OF_OTHER,
            f"there is no experiment {prior.experiment[:128]!r} to begin with; name "
            "one that has learned something, or leave the prior out",
        )
    meta = storage.model_versions.newest(other.number)
    if meta is None or not any(last > 0 for _, last in meta.spans):
        raise InvalidInput.at(
            _OF_OTHER,
            f"experiment {other.key!r} has learned from no decision of its own yet; "
            "wait for its first model, or leave the prior out",
        )
    own, others = definition.reward, other.definition.reward
    if (own.minimum, own.maximum) != (others.minimum, others.maximum):
        raise InvalidInput.at(
            _OF_OTHER,
            f"the rewards of experiment {other.key!r} are from {others.minimum:g} to "
            f"{_end(others.maximum)}, and those here from {own.minimum:g} to "
            f"{_end(own.maximum)}; both must have one range",
        )


def _check_first(storage: Storage, prior: Prior, before: Experiment | None) -> None:
    kept = None
    if before is not None:
        kept = kept_prior(storage.imports.files(before.number))
    if kept is not None and kept != name_of_prior(prior):
        raise InvalidInput.at(
            _AT,
            "the experiment has begun with another prior, and keeps what it learned of "
            "it; leave the prior as it is, or create a new experiment",
        )


def _check_chain(key: str, prior: Prior, known: dict[str, Experiment]) -> None:
    """Refuse an experiment that begins with itself, be it through others."""
    seen: list[str] = []
    at: Prior | None = prior
    while at is not None and at.experiment not in seen:
        if at.experiment == key:
            raise InvalidInput.at(
                _OF_OTHER,
                f"experiment {key!r} would begin with itself"
                + (f", through {', '.join(seen)}" if seen else "")
                + "; name another one, or leave the prior out",
            )
        seen.append(at.experiment)
        other = known.get(at.experiment)
        at = None if other is None else prior_of(other.definition.policy)


def _end(maximum: float | None) -> str:
    return "no end" if maximum is None else f"{maximum:g}"
