"""The fixture that declares a programme."""

from collections.abc import Mapping

import pytest

from tests.harness.simulated.capped_shop import Declare, declared_on
from tests.harness.worker_in_process import WorkerInProcess


@pytest.fixture
def declare(service: WorkerInProcess) -> Declare:
    """Declare a programme with caps, and its experiments `popup` and `cart-mail`."""

    def make(*caps: Mapping[str, object], **programme: object) -> WorkerInProcess:
        return declared_on(service, *caps, **programme)

    return make
