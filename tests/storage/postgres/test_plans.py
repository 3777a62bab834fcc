"""No statement of every day walks over a table that grows with decisions."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.harness.service import Service
from tests.harness.stored.big_tables import BIG, fill
from tests.harness.stored.plans import LOGGED, count_of_plans, walks_logged
from tests.harness.stored.postgres import PostgresServer
from tests.harness.stored.whole_world import live, play_world

SCHEMA = "plans"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with closing(PostgresServer()) as made:
        made.start()
        yield made


def test_no_statement_of_every_day_walks_over_a_big_table(
    server: PostgresServer, tmp_path: Path
) -> None:
    service = Service(tmp_path, f"{server.url(SCHEMA)}&{LOGGED}")
    with closing(service):
        service.start()
        play_world(service)
        with psycopg.connect(
            server.address, options=f"-c search_path={SCHEMA}"
        ) as connection:
            fill(connection)
        log = server.folder / "log"
        before = len(log.read_text("utf-8"))

        live(service)

        found = log.read_text("utf-8")[before:]
    assert count_of_plans(found) > 500
    assert walks_logged(found, SCHEMA, BIG) == set()
