"""What the metrics say of the nodes of a stream and of its partitions."""

from collections.abc import Mapping, Sequence

from bandit_svc import metrics
from bandit_svc.domain.events.damage import Damage
from bandit_svc.domain.stream.mark import Mark
from bandit_svc.domain.stream.progress import Place
from bandit_svc.services.checks.nodes import NODE_CLOCK, clock_fault, nodes_of


def show_stream(
    marks: Mapping[Place, Mark], damages: Sequence[Damage], now_ms: int
) -> None:
    """Set the gauges of a stream.

    Args:
        marks: of all nodes, as the store has them.
        damages: those that nobody has acknowledged.
        now_ms: the agreed time.
    """
    nodes = nodes_of(marks)
    live = [node for node in nodes if node.state == "live"]
    behind_ms = max((now_ms - node.mark_ms for node in live), default=0)
    metrics.STREAM_LAG.set(max(0, behind_ms) / 1000)
    metrics.SILENT_NODES.set(sum(node.state == "silent" for node in nodes))
    stopped = {damage.partition for damage in damages if damage.what == "lost"}
    metrics.STOPPED_PARTITIONS.set(len(stopped))
    wrong = any(clock_fault(node) for node in live)
    metrics.DEGRADED.labels(NODE_CLOCK).set(wrong)
