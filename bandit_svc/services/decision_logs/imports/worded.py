"""A decision of another log in the words of an experiment.

Owns the names of variants, and which rows an experiment can't learn from: variants that
it doesn't have, rewards beyond its range, no propensity, contexts that no policy reads.
Pure.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bandit_svc.domain.context import check_context
from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.json_shape import is_number
from bandit_svc.errors import InvalidInput
from bandit_svc.services.decision_logs.imports.read_choices import ReadChoice
from bandit_svc.services.decision_logs.readers.bad_lines import BadLines
from bandit_svc.storage.imports.kept import ImportedChoice

UNKNOWN = "of variants that the experiment doesn't have"
_LISTED = 20
_CLOSE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How an experiment takes another system's words.

    Attributes:
        names: of variants, by those in the file.
        skip_unknown: true if rows of variants that it doesn't have are left out, and
            such variants are taken out of what could be chosen.
        propensity: what stands for missing ones: `uniform` over what could be chosen;
            None to refuse them.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    skip_unknown: bool = False
    propensity: Literal["uniform"] | None = None


class Worded:
    """Converts the decisions of one file; counts what is left out.

    Args:
        experiment: as it is now.
        wording: of the file.
        bad: counts rows that can't be right.

    Raises:
        InvalidInput: a name is given to a variant that the experiment doesn't have.
    """

    def __init__(self, experiment: Experiment, wording: Wording, bad: BadLines) -> None:
        definition = experiment.definition
        self._revision = experiment.revision
        self._known = {v.key for v in definition.variants}
        self._active = tuple(v.key for v in definition.active_variants)
        self._range = definition.reward.minimum, definition.reward.maximum
        self._wording, self._bad = wording, bad
        self.left_out: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        for old, new in wording.names.items():
            if new not in self._known:
                raise InvalidInput(
                    f"--map {old}={new}: experiment {experiment.key!r} has no variant "
                    f"{new!r}; it has {listed_names(sorted(self._known))}"
                )

    def choice(self, read: ReadChoice) -> ImportedChoice | None:
        """Return a decision as it is learned; None if it is left out.

        Raises:
            UnreadableLog: more rows can't be right than were allowed.
        """
        if read.left_out:
            self.left_out[read.left_out] += 1
            return None
        chances = self._chances(read)
        chosen = self._wording.names.get(read.chosen, read.chosen)
        if chosen not in chances:
            self._note_unknown(read.chosen)
            return None
        try:
            reward = self._reward(read.reward)
            propensity = self._propensity(read, chances, chosen)
            check_context(read.context)
        except InvalidInput as error:
            self._bad.at(read.line, error.message)
            return None
        variants = tuple(chances)
        return ImportedChoice(
            variants=variants,
            chosen=variants.index(chosen),
            propensity=propensity,
            reward=reward,
            context=read.context,
            unit_id=read.unit,
            revision=self._revision,
        )

    def refuse_unknown(self) -> None:
        """Refuse a file with variants that the experiment doesn't have.

        Raises:
            InvalidInput: there are some, and they were not to be left out.
        """
        if self._wording.skip_unknown or not self.unknown:
            return
        shown = [f"{name} ({n:,} rows)" for name, n in self.unknown.most_common()]
        raise InvalidInput(
            f"{self._bad.source} has variants that the experiment doesn't have: "
            f"{listed_names(shown)}; it has {listed_names(sorted(self._known))}. "
            "Pass --map OLD=NEW for each, or --skip-unknown to leave them out"
        )

    def _chances(self, read: ReadChoice) -> dict[str, float]:
        """Return the chance of each eligible variant, NaN where it is not known."""
        names = self._wording.names
        if read.eligible is None:
            found = dict.fromkeys(self._active, math.nan)
            chosen = names.get(read.chosen, read.chosen)
            if chosen in self._known:
                found.setdefault(chosen, math.nan)
            return found
        found = {}
        for place, name in enumerate(read.eligible):
            key = names.get(name, name)
            if key not in self._known:
                if name != read.chosen:
                    self.unknown[name] += 1
                continue
            chance = math.nan if read.pmf is None else read.pmf[place]
            found[key] = found[key] + chance if key in found else chance
        return found

    def _note_unknown(self, name: str) -> None:
        self.unknown[name] += 1
        if self._wording.skip_unknown:
            self.left_out[UNKNOWN] += 1

    def _reward(self, value: object) -> float:
        if not is_number(value) or not math.isfinite(value):
            shown = "empty" if value is None else repr(value)
            raise InvalidInput(
                f"the reward is {shown}; it must be a finite number. Pass "
                "--default-reward for decisions that have none"
            )
        least, most = self._range
        if value < least or (most is not None and value > most):
            limit = "without an end" if most is None else f"{most:g}"
            raise InvalidInput(
                f"the reward is {value:g}; the experiment's range is {least:g} to "
                f"{limit}. Scale the rewards of the file, or create the experiment "
                "with a wider range"
            )
        return float(value)

    def _propensity(
        self, read: ReadChoice, chances: Mapping[str, float], chosen: str
    ) -> float:
        total = sum(chances.values())
        if read.pmf is not None and total > 0:
            # Of what the experiment could have chosen as well.
            whole = total > 1 - _CLOSE
            return _number(read.propensity if whole else chances[chosen] / total)
        if read.propensity is not None:
            return _number(read.propensity)
        if self._wording.propensity == "uniform":
            return 1.0 / len(chances)
        raise InvalidInput(
            "there is no propensity, the probability that the choice was made with. "
            "Name its column with --propensity-column; if each variant had the same "
            "chance, pass --propensity uniform"
        )


def _number(value: object) -> float:
    """Return a propensity.

    Raises:
        InvalidInput: it is none.
    """
    if not is_number(value) or not 0 < value <= 1 + _CLOSE:
        raise InvalidInput(
            f"the propensity is {value!r}; it must be above 0 and at most 1"
        )
    return min(1.0, float(value))


def listed_names(names: list[str]) -> str:
    """Return names as words, not more than fit into a few lines."""
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
