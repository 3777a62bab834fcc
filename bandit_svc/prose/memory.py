"""How much of the log a served model knows, in words.

Owns the sentences of a report's policy_memory and thinning.
"""

from bandit_svc.domain.learning.thinning import ALL
from bandit_svc.domain.numbers import counted, percent
from bandit_svc.services.report.report import PolicyMemory, Thinning

NEARLY_ALL = 0.95
"""Of the decisions learned, from which on all of them are said to count."""


def memory_sentence(memory: PolicyMemory | None) -> str:
    """Return how many decisions count and when rewards changed; empty without one."""
    if memory is None or memory.learned == 0:
        return ""
    learned = counted(memory.learned, "decision")
    if memory.effective >= NEARLY_ALL * memory.learned:
        sentence = f"All of the {learned} that the model has learned count."
    else:
        known = f"{round(memory.effective):,}"
        sentence = f"Of {learned} that the model has learned about {known} count."
    if memory.last_change is None:
        return sentence
    ago = counted(memory.learned - memory.last_change, "decision")
    times = counted(memory.changes, "change")
    return f"{sentence} It has found {times} of the rewards, the last one {ago} ago."


def thinning_sentence(thinning: Thinning | None) -> str:
    """Return which decisions are learned from and evaluated; empty for all."""
    if thinning is None:
        return ""
    said = []
    if thinning.learn_share < ALL:
        said.append(f"policies learn from {percent(thinning.learn_share)}")
    if thinning.evaluate_share < ALL:
        share = percent(thinning.evaluate_share)
        said.append(f"candidates are evaluated on {share}")
    return f"Of the decisions, {' and '.join(said)}, drawn by their ids."
