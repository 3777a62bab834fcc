"""Estimate a policy's value from a reward model alone.

Owns the direct method. p is the target's pmf and q the model's predictions, in
reward units. The model must be cross-fitted (regression.py).
"""

from bandit_svc.ope.estimators.policy_value import PolicyValue
from bandit_svc.ope.logged import LoggedData


def direct_method(logged: LoggedData) -> PolicyValue:
    """Average the predicted rewards over the target policy's pmf.

    mean(sum_a p(a) q(a)), within the range of the model. Biased by as much as the
    model is, and its standard error does not measure that bias: report it only
    beside an estimate that corrects it (doubly_robust.py).

    Raises:
        LoggedDataError: action, pmf_target or q_hat is missing.

    References:
        Dudik, Langford and Li (2011), "Doubly robust policy evaluation and
        learning", ICML, section 2.
    """
    _, terms = logged.predictions()
    return PolicyValue.averaged(terms, logged.multiplicity)
