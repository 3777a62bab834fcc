"""How much of the log a served model knows, in words.

Owns the sentence of a report's policy_memory.
"""

from bandit_svc.domain.numbers import counted
from bandit_svc.services.report.report import PolicyMemory

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
