"""The nodes that send to a stream, as the learners have heard of them.

Owns what is wrong with them: a clock that is not the stream's, and silence. Each has
marks in every partition; a node is as far as its least one.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, assert_never

from bandit_svc.domain.numbers import duration
from bandit_svc.domain.stream.mark import Mark, NodeState
from bandit_svc.domain.stream.progress import Place
from bandit_svc.services.checks.degraded import Reason

CLOCK_WARN_MS: Final = 500
CLOCK_FAIL_MS: Final = 5_000
LATE_MS: Final = 60_000
"""A node that lives has sent all that is older, or else something holds it up."""
NODE_CLOCK: Final = "node_clock"


class Node(NamedTuple):
    """One node.

    Attributes:
        mark_ms: all that it stamped before it was read, in every partition.
        seen_ms: when a message of it was last read, by the learner's clock.
        ahead_ms: how far its clock is before the stream's, as its last message said.
    """

    name: str
    state: NodeState
    mark_ms: int
    seen_ms: int
    ahead_ms: int


def nodes_of(marks: Mapping[Place, Mark]) -> list[Node]:
    """Return every node, those that were heard of last first."""
    by_node: defaultdict[str, list[Mark]] = defaultdict(list)
    for (_, name), mark in marks.items():
        by_node[name].append(mark)
    nodes = [_node(name, found) for name, found in by_node.items()]
    return sorted(nodes, key=lambda node: (-node.seen_ms, node.name))


def _node(name: str, marks: list[Mark]) -> Node:
    newest = max(marks, key=lambda mark: mark.seen_ms)
    live = [mark for mark in marks if mark.state == "live"]
    return Node(
        name,
        "live" if live else newest.state,
        min(mark.mark_ms for mark in live or marks),
        newest.seen_ms,
        newest.ahead_ms,
    )


def node_faults(marks: Mapping[Place, Mark], now_ms: int) -> Iterator[str]:
    """Yield a sentence for each fault of a node.

    Args:
        marks: of all nodes, as the store has them.
        now_ms: the caller's agreed time.
    """
    for node in nodes_of(marks):
        match node.state:
            case "live":
                yield from _faults_of_live(node, now_ms)
            case "silent":
                yield (
                    f"node {node.name} has said nothing for "
                    f"{_seconds(now_ms - node.seen_ms)}, and joining goes on without "
                    "it: rewards that it still has will be late; start it, or end it "
                    "in good order"
                )
            case "closed":
                pass
            case _:
                assert_never(node.state)


def _faults_of_live(node: Node, now_ms: int) -> Iterator[str]:
    clock = clock_fault(node)
    if clock is not None:
        yield clock
    late_ms = now_ms - node.mark_ms
    if late_ms > LATE_MS:
        yield (
            f"node {node.name} has sent what it stamped up to {_seconds(late_ms)} ago, "
            "and joining waits for the rest: its outbox, the stream or the learner "
            "can't keep up; compare bandit_outbox_unshipped_seconds and "
            "bandit_event_log_backlog_bytes"
        )


def clock_fault(node: Node) -> str | None:
    """Return what is wrong with a node's clock as a sentence; None if nothing is."""
    if abs(node.ahead_ms) <= CLOCK_WARN_MS:
        return None
    side = "ahead of" if node.ahead_ms > 0 else "behind"
    return (
        f"the clock of node {node.name} is {abs(node.ahead_ms) / 1000:.1f} s {side} "
        f"the stream's, and at most {CLOCK_WARN_MS / 1000:.1f} s are expected: joining "
        "waits for the slowest clock, and windows end at the wrong time; let NTP set it"
    )


def clock_reason(node: Node | None) -> Reason | None:
    """Return that the clock of a web worker's own node is wrong; None if it is right.

    Args:
        node: None where no learner has heard of it yet.
    """
    if node is None or node.state != "live":
        return None
    fault = clock_fault(node)
    return None if fault is None else Reason(NODE_CLOCK, fault)


def is_unready(node: Node | None) -> bool:
    """Return whether a node's clock is so wrong that it must not serve."""
    return (
        node is not None and node.state == "live" and abs(node.ahead_ms) > CLOCK_FAIL_MS
    )


def _seconds(spent_ms: int) -> str:
    return duration(max(0, spent_ms) / 1000)
