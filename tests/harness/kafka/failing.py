"""Librdkafka's mock cluster, told which errors to answer with.

Owns the calls of its C interface, which the Python client doesn't have.
"""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import confluent_kafka

PRODUCE, FETCH = 0, 1
"""Requests, by their numbers in Kafka's protocol."""
_PRODUCER = 0
_BROKERS = 3


class FailingBrokers:
    """Three brokers; `servers` is what clients connect to."""

    def __init__(self, library: ctypes.CDLL, cluster: int) -> None:
        self._library, self._cluster = library, ctypes.c_void_p(cluster)
        self.servers = str(library.rd_kafka_mock_cluster_bootstraps(cluster), "ascii")

    def answer(self, request: int, errors: Sequence[int]) -> None:
        """Answer the next requests of a kind with these errors, one each."""
        codes = (ctypes.c_int * len(errors))(*errors)
        count = ctypes.c_size_t(len(errors))
        push = self._library.rd_kafka_mock_push_request_errors_array
        push(self._cluster, ctypes.c_int16(request), count, codes)

    def without(self, broker: int) -> None:
        """Let one of the brokers 1 to 3 end its connections and take none."""
        self._library.rd_kafka_mock_broker_set_down(self._cluster, broker)

    def bring_back(self, broker: int) -> None:
        """Let a broker take connections again."""
        self._library.rd_kafka_mock_broker_set_up(self._cluster, broker)


@contextmanager
def failing_brokers() -> Iterator[FailingBrokers]:
    """Start the brokers within this process, yield them, and end them."""
    library = _library()
    words = ctypes.create_string_buffer(512)
    owner = library.rd_kafka_new(_PRODUCER, None, words, len(words))
    if not owner:
        raise RuntimeError(f"librdkafka does not begin: {words.value.decode()}")
    cluster = library.rd_kafka_mock_cluster_new(owner, _BROKERS)
    try:
        yield FailingBrokers(library, cluster)
    finally:
        library.rd_kafka_mock_cluster_destroy(cluster)
        library.rd_kafka_destroy(owner)


def _library() -> ctypes.CDLL:
    """Return the library that the wheel of confluent-kafka has beside it."""
    beside = Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    library = ctypes.CDLL(str(next(beside.glob("librdkafka*"))))
    pointer = ctypes.c_void_p
    for name, result, *arguments in (
        ("new", pointer, ctypes.c_int, pointer, ctypes.c_char_p, ctypes.c_size_t),
        ("destroy", None, pointer),
        ("mock_cluster_new", pointer, pointer, ctypes.c_int),
        ("mock_cluster_bootstraps", ctypes.c_char_p, pointer),
        ("mock_cluster_destroy", None, pointer),
        ("mock_broker_set_down", ctypes.c_int, pointer, ctypes.c_int32),
        ("mock_broker_set_up", ctypes.c_int, pointer, ctypes.c_int32),
    ):
        function = getattr(library, f"rd_kafka_{name}")
        function.restype, function.argtypes = result, arguments
    return library
