"""The states of a decision, as numbers.

Owns what the column `state` of the table decisions holds.
"""

from bandit_svc.domain.experiment import BASELINE, TREATMENT

DEFERRED = 0
JOINED = 1
OPEN = 2
AMBIGUOUS = 3
SET_ASIDE = 4
"""What it needs to be read or joined was damaged: a shared part, or its revision."""
APART_OPEN = 5
"""Made without consent, and its window is open."""
APART = 6
"""The same, once it is in the sums of such decisions."""
WITHDRAWN = 7
"""Kept and not answered, as far as is known: an answer that comes later opens it."""

# A state takes no byte where it is 0 or 1, and one byte else. A row that grows when it
# is joined would no longer fit into its page.

EXPOSED = {TREATMENT: "decisions_treatment", BASELINE: "decisions_baseline"}
"""The counter of exposed decisions of each group."""
