"""Read Vowpal Wabbit's text format of contextual bandit logs.

Owns the label `action:cost:probability` in its two forms: `--cb`, one line a
decision, and `--cb_explore_adf`, one line an action, with a blank line after each
decision and maybe a line `shared` before the actions. Reward is minus cost. Actions
are numbered from 1; in the second form by their place among the lines.
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from bandit_svc.services.decision_logs.readers.bad_lines import BadLines
from bandit_svc.services.decision_logs.readers.rows import BATCH_ROWS, Reading, Rows
from bandit_svc.services.decision_logs.readers.text_file import lines_of

Line = tuple[int, str]
PEEK_LINES = 1_000
LABEL_PARTS = 3
NO_LABEL = "without a reward"


def is_multiline(path: Path) -> bool:
    """Return true if decisions are blocks of lines: `shared`, or blank lines."""
    blank = False
    for _, line in itertools.islice(lines_of(path), PEEK_LINES):
        if line.startswith("shared"):
            return True
        if blank and line:
            return True
        blank = not line.strip()
    return False


def read_lines(
    path: Path, context: Sequence[str], bad: BadLines, reading: Reading
) -> Iterator[Rows]:
    """Yield the decisions of a `--cb` file; a line without a label names no action."""
    del reading
    rows = _empty(context)
    for number, line in lines_of(path):
        if not line.strip():
            continue
        labels = _labels(line)
        if not labels:
            rows.left_out[NO_LABEL] += 1
            continue
        _add(rows, bad, number, labels, context, line)
        if len(rows.line) == BATCH_ROWS:
            yield rows
            rows = _empty(context)
    yield rows


def read_blocks(
    path: Path, context: Sequence[str], bad: BadLines, reading: Reading
) -> Iterator[Rows]:
    """Yield the decisions of a `--cb_explore_adf` file.

    A block without a label names no action.
    """
    del reading
    rows = _empty(context)
    rows.count = []
    for block in _blocks(path):
        shared = block[0][1] if block[0][1].startswith("shared") else ""
        actions = block[1:] if shared else block
        if not actions:
            bad.at(block[0][0], "no action follows the line `shared`")
            continue
        labelled = [
            (place, number, labels)
            for place, (number, line) in enumerate(actions, 1)
            if (labels := _labels(line))
        ]
        if not labelled:
            rows.left_out[NO_LABEL] += 1
            continue
        if len(labelled) > 1:
            bad.at(
                labelled[1][1],
                "it is the second line with a label in one decision; only the chosen "
                "action has one",
            )
            continue
        place, number, labels = labelled[0]
        added = _add(rows, bad, number, labels, context, shared, place)
        if not added:
            continue
        rows.count.append(len(actions))
        if len(rows.line) == BATCH_ROWS:
            yield rows
            rows = _empty(context)
            rows.count = []
    yield rows


def _empty(context: Sequence[str]) -> Rows:
    return Rows(context={name: [] for name in context})


def _add(
    rows: Rows,
    bad: BadLines,
    number: int,
    labels: Sequence[str],
    context: Sequence[str],
    features: str,
    place: int | None = None,
) -> bool:
    """Append a decision; return false if its label is bad."""
    parts = labels[0].split(":")
    if len(labels) > 1 or len(parts) != LABEL_PARTS:
        bad.at(
            number,
            f"its label is {' '.join(labels)!r}; it must be one "
            "action:cost:probability",
        )
        return False
    try:
        reward = 0.0 - float(parts[1])
    except ValueError:
        bad.at(number, f"its cost is {parts[1]!r}; it must be a number")
        return False
    rows.line.append(number)
    rows.action.append(parts[0] if place is None else str(place))
    rows.reward.append(reward)
    rows.propensity.append(parts[2])
    if context:
        found = _features(features)
        for name in context:
            rows.context[name].append(found.get(name))
    return True


def _labels(line: str) -> list[str]:
    """Return the words before the first bar that have a colon; others are tags."""
    head = line.partition("|")[0]
    if head.startswith("shared"):
        return []
    return [word for word in head.split() if ":" in word and word[0] != "'"]


def _features(line: str) -> dict[str, object]:
    """Return `name=value`, `name:number` and bare names (as 1) by name."""
    found: dict[str, object] = {}
    for part in line.split("|")[1:]:
        words = part.split()
        # A word that touches the bar is a namespace, not a feature.
        for word in words if part[:1].isspace() else words[1:]:
            name, equals, value = word.partition("=")
            if not equals:
                name, colon, value = word.partition(":")
                value = value if colon else "1"
            found[name] = value
    return found


def _blocks(path: Path) -> Iterator[list[Line]]:
    for blank, lines in itertools.groupby(lines_of(path), lambda at: not at[1].strip()):
        if not blank:
            yield list(lines)
