"""Export the examples that the model of a policy of kind `vw` has learned.

Owns which they are: those of the spans of the newest model, imports too, in their
order. With them Vowpal Wabbit comes to the weights that a replay comes to.
"""

from collections.abc import Callable, Iterator

from bandit_svc.domain.experiment import Experiment
from bandit_svc.domain.model_version import ModelVersionMeta
from bandit_svc.errors import NotFound, Unprocessable
from bandit_svc.services.learning.definitions import Definitions
from bandit_svc.services.learning.examples import JoinedExamples
from bandit_svc.services.policy_inputs import reward_range
from bandit_svc.storage.interface import Storage
from policies.base import PolicyError
from policies.vw.learned_lines import LearnedLines, arguments_for

_OF_CALLER = (
    "the model has learned from what the caller's own system showed, and of a rule "
    "more than its rewards, which no list of examples has; export without --as-learned"
)


class LearnedLog:
    """The examples of one model version.

    Attributes:
        version: of the model.
        decisions: that it has learned.
        arguments: with which Vowpal Wabbit learns them.
    """

    def __init__(
        self, examples: JoinedExamples, meta: ModelVersionMeta, rendered: LearnedLines
    ) -> None:
        self._examples, self._rendered = examples, rendered
        self._spans = meta.spans
        self.version, self.decisions = meta.version, meta.learned
        self.arguments = arguments_for(meta.policy)

    def lines(
        self, on_progress: Callable[[int], None] = lambda _done: None
    ) -> Iterator[list[bytes]]:
        """Yield the decisions as dsjson in their order, a batch at a time.

        Args:
            on_progress: told how many are done, after each batch.

        Raises:
            Unprocessable: it has learned as an apprentice.
        """
        done = 0
        for span in self._spans:
            for rows in self._examples.rows(span):
                found: list[bytes] = []
                for row in rows:
                    decision = row.decision
                    if not row.learnable:
                        continue
                    if decision.shown is not None:
                        raise Unprocessable(_OF_CALLER)
                    try:
                        line = self._rendered.lines(
                            decision.context,
                            self._examples.actions(decision),
                            decision.chosen,
                            decision.propensity,
                            row.reward,
                        )
                    except PolicyError:
                        # The policy passes it over too.
                        continue
                    found.append(line)
                yield found
                done += len(found)
                on_progress(done)


def export_learned(storage: Storage, experiment: Experiment) -> LearnedLog:
    """Return what the newest model of an experiment has learned.

    Raises:
        NotFound: no model has been published yet.
        Unprocessable: its policy has no such examples.
    """
    meta = storage.model_versions.newest(experiment.number)
    if meta is None:
        raise NotFound(
            f"experiment {experiment.key!r} has no published model yet; the first one "
            "comes when a decision has matured"
        )
    try:
        rendered = LearnedLines(meta.policy, reward_range(experiment.definition))
    except PolicyError as error:
        raise Unprocessable(
            f"model {meta.version} of {experiment.key} can't be exported as it was "
            f"learned: {error.message}"
        ) from error
    examples = JoinedExamples(
        storage.joins, Definitions(storage.experiments), experiment.number
    )
    return LearnedLog(examples, meta, rendered)
