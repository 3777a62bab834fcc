"""Read dsjson, Vowpal Wabbit's log format of a decision service, and its JSON.

Owns the passes over a file; what the fields of one event mean is in dsjson_event.py.
Reward is minus cost. Actions have the numbers that the file gives them, from 1 or from
0. Lines that don't begin with a brace are left out, as they are there.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bandit_svc.services.decision_logs.readers.bad_lines import BadLines
from bandit_svc.services.decision_logs.readers.dsjson_event import (
    Event,
    EventFault,
    LeftOut,
    event_of,
)
from bandit_svc.services.decision_logs.readers.rows import BATCH_ROWS, Reading, Rows
from bandit_svc.services.decision_logs.readers.tables import field_of, json_objects

NO_OBJECT = "beginning without a brace"


class _Numbering:
    """What all events of a file must have alike."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._with_chances: bool | None = None

    @property
    def first(self) -> int:
        """The number of the first action."""
        return 1 if self._first is None else self._first

    def take(self, event: Event) -> None:
        """Check that an event is like those before it.

        Raises:
            EventFault: it isn't.
        """
        with_chances = event.pmf is not None
        if self._with_chances not in {None, with_chances}:
            raise EventFault(
                "the file has events with and without the lists `a` and `p`; put them "
                "into files of their own"
            )
        if self._first not in {None, event.first}:
            raise EventFault(
                f"its actions are numbered from {event.first}, those of events before "
                f"it from {self._first}; number them in one way"
            )
        self._first, self._with_chances = event.first, with_chances


def read_dsjson(
    path: Path, context: Sequence[str], bad: BadLines, reading: Reading
) -> Iterator[Rows]:
    """Yield the decisions of a file."""
    rows, numbering = _empty(context), _Numbering()
    for number, line in json_objects(path, bad, rows_of_text=True):
        if line is None:
            rows.left_out[NO_OBJECT] += 1
            continue
        try:
            event = event_of(line, reading.default_reward)
            numbering.take(event)
        except LeftOut as reason:
            rows.left_out[str(reason)] += 1
            continue
        except EventFault as fault:
            bad.at(number, str(fault))
            continue
        _add(rows, number, event, context)
        if len(rows.line) == BATCH_ROWS:
            yield _finished(rows, numbering)
            rows = _empty(context)
    yield _finished(rows, numbering)


def _empty(context: Sequence[str]) -> Rows:
    return Rows(count=[], pmf=[], weight=[], context={name: [] for name in context})


def _finished(rows: Rows, numbering: _Numbering) -> Rows:
    rows.from_one = numbering.first == 1
    if rows.pmf and rows.pmf[0] is None:
        rows.pmf = None
    return rows


def _add(rows: Rows, number: int, event: Event, context: Sequence[str]) -> None:
    rows.line.append(number)
    rows.action.append(str(event.index + event.first))
    rows.reward.append(event.reward)
    rows.propensity.append(event.propensity)
    rows.weight.append(event.weight)
    rows.pmf.append(event.pmf)
    if rows.count is not None:
        rows.count.append(event.count)
    for name in context:
        rows.context[name].append(field_of(event.context, name))
