"""Weather in decisions: of a coarse place, by what the process knows already."""

import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import run
from typing import Any

import pytest

from bandit_svc.errors import InvalidInput
from bandit_svc.learner.weather.source import Source
from bandit_svc.learner.weather.watch import WeatherWatch
from bandit_svc.settings import settings_from
from bandit_svc.storage.weather.kept_weather import KeptWeather
from tests.harness.fakes.weather_source import WeatherSource
from tests.harness.worker_in_process import WorkerInProcess

BERLIN = {"latitude": 52.516274, "longitude": 13.377703}
RAIN = {"sky": "rain", "temperature_c": 8, "is_day": True}
HOUR_MS = 3_600_000


@pytest.fixture
def source() -> Iterator[WeatherSource]:
    with WeatherSource() as found:
        yield found


@pytest.fixture
def service(tmp_path: Path, source: WeatherSource) -> Iterator[WorkerInProcess]:
    found = WorkerInProcess(tmp_path / "data", dev=False, weather_url=source.url)
    yield found
    found.close()


@pytest.fixture
def watch(service: WorkerInProcess, source: WeatherSource) -> WeatherWatch:
    """Return what the learner runs, over the same folder."""
    kept = KeptWeather(service.folder)
    return WeatherWatch(kept, Source(source.url), lambda: service.now_ms)


def decided(service: WorkerInProcess, **body: object) -> dict[str, Any]:
    answer = service.decide("hero", **body)
    record = service.get(f"/v1/decisions/{answer['decision_id']}").json
    return dict(record["context"])


def exchange(service: WorkerInProcess) -> None:
    """Let the worker tell and be told, as it does behind its requests."""
    service.now_ms += 1_000
    service.worker.weather_exchange.step_if_due(service.now_ms)


def test_a_place_is_known_from_the_second_visit_on(
    service: WorkerInProcess, watch: WeatherWatch, source: WeatherSource
) -> None:
    service.create("hero", enrich={"weather": {}})

    first = decided(service, context=BERLIN | {"page": "home"})
    exchange(service)
    asked = len(source.asked)
    watch.step()
    exchange(service)
    second = decided(service, context=BERLIN)
    near = decided(service, context={"latitude": "52.4", "longitude": 13.6})

    assert first == {"page": "home"}
    assert second == near == {"weather": RAIN}
    # A web worker never asks the source itself.
    assert (asked, len(source.asked)) == (0, 1)


def test_weather_that_is_too_old_is_not_used(
    service: WorkerInProcess, watch: WeatherWatch, source: WeatherSource
) -> None:
    service.create("hero", enrich={"weather": {"max_age_seconds": 7_200}})
    decided(service, context=BERLIN)
    exchange(service)
    watch.step()
    exchange(service)
    source.close()

    fresh = decided(service, context=BERLIN)
    service.now_ms += 2 * HOUR_MS - 5_000
    watch.step()
    exchange(service)
    old = decided(service, context=BERLIN)
    service.now_ms += 10_000
    stale = decided(service, context=BERLIN)
    reasons = service.get("/readyz").json["reasons"]

    assert fresh == old == {"weather": RAIN}
    assert stale == {}
    assert any(reason.startswith("weather: ") for reason in reasons)
    assert "k-7" not in str(reasons)


def test_a_fixed_place_and_a_units_own_need_nothing_of_the_request(
    service: WorkerInProcess, watch: WeatherWatch
) -> None:
    shop = {"latitude": 48.14, "longitude": 11.58}
    service.create("shop", enrich={"weather": shop})
    home = {"latitude": "unit.lat", "longitude": "unit.lon"}
    service.create("hero", enrich={"weather": home})
    traits = {"lat": 52.5, "lon": 13.4}
    service.call("PUT", "/v1/units/u-1", {"traits": traits})
    service.learn()
    for _ in range(2):
        service.decide("shop")
        found = decided(service, unit_id="u-1")
        exchange(service)
        watch.step()
        exchange(service)

    answer = service.decide("shop")
    record = service.get(f"/v1/decisions/{answer['decision_id']}").json
    assert record["context"] == found == {"weather": RAIN}


def test_every_worker_of_a_folder_knows_what_one_has_asked_for(
    service: WorkerInProcess, watch: WeatherWatch
) -> None:
    service.create("hero", enrich={"weather": {}})
    decided(service, context=BERLIN)
    exchange(service)
    watch.step()
    other = WorkerInProcess(
        service.folder,
        dev=False,
        suffix="cd34",
        now_ms=service.now_ms,
        weather_url="http://127.0.0.1:9/",
    )
    exchange(other)

    found = decided(other, context=BERLIN)
    other.close()

    assert found == {"weather": RAIN}


def test_exact_coordinates_are_in_no_file(
    service: WorkerInProcess, watch: WeatherWatch
) -> None:
    service.create("hero", enrich={"weather": {}})
    for _ in range(2):
        decided(service, context=BERLIN)
        exchange(service)
        watch.step()
    service.learn(after_s=4_000)

    kept = b"".join(
        path.read_bytes() for path in service.folder.rglob("*") if path.is_file()
    )
    assert b"105,27" in kept
    assert b"516274" not in kept
    assert b"377703" not in kept


def test_a_damaged_file_is_as_good_as_none(
    service: WorkerInProcess, watch: WeatherWatch
) -> None:
    service.create("hero", enrich={"weather": {}})
    decided(service, context=BERLIN)
    exchange(service)
    folder = service.folder / "weather"
    for path in folder.iterdir():
        path.write_bytes(b'{"at_ms": "x"')
    (folder / "observed.json").write_bytes(b"\xff\x00")
    watch.step()
    exchange(service)

    assert decided(service, context=BERLIN) == {}


def test_no_web_process_can_ask_the_source() -> None:
    code = (
        "import sys, bandit_svc.server.web_process\n"
        "print(*[n for n in sys.modules if n.startswith('bandit_svc.learner')])"
    )
    found = run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == ""


@pytest.mark.parametrize(
    "url",
    ["weather.example", "file:///etc/passwd", "http://", "http://h:99999/?k=k-7"],
)
def test_a_source_without_an_address_is_refused_and_never_printed(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        settings_from({"BANDIT_WEATHER_URL": url})

    assert "weather_url" in caught.value.message
    assert url not in caught.value.message
