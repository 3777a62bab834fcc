"""A source of weather on loopback, over real HTTP, that can be made wrong.

Owns `WeatherSource`: what it answers is a function of the places asked for, which a
test replaces. It keeps what it was asked.
"""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

Answer = Callable[[BaseHTTPRequestHandler, "Question"], None]


class Question:
    """One request: its places and its query."""

    def __init__(self, path: str) -> None:
        query = parse_qs(urlsplit(path).query)
        self.query = {name: values[0] for name, values in query.items()}
        self.places = list(
            zip(
                map(float, self.query["latitude"].split(",")),
                map(float, self.query["longitude"].split(",")),
                strict=True,
            )
        )


def forecast(place: tuple[float, float], **current: object) -> dict[str, object]:
    """Return what Open-Meteo says of a place: rain at 7.6 degrees by day."""
    known = {"temperature_2m": 7.6, "weather_code": 61, "is_day": 1} | current
    return {
        "latitude": place[0] + 0.02,
        "longitude": place[1] - 0.01,
        "generationtime_ms": 0.05,
        "utc_offset_seconds": 0,
        "timezone": "GMT",
        "elevation": 38.0,
        "current_units": {
            "time": "iso8601",
            "interval": "seconds",
            "temperature_2m": "°C",
            "weather_code": "wmo code",
            "is_day": "",
        },
        "current": {"interval": 900} | known,
    }


def told(handler: BaseHTTPRequestHandler, question: Question) -> None:
    """Answer as the source does: one object for one place, else a list."""
    found = [forecast(place) for place in question.places]
    reply(handler, json.dumps(found[0] if len(found) == 1 else found).encode())


def reply(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200) -> None:
    """Send a whole answer."""
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


class WeatherSource:
    """The source; a context."""

    def __init__(self) -> None:
        self.answer: Answer = told
        self.asked: list[Question] = []
        self.ended = threading.Event()
        source = self

        class Handler(BaseHTTPRequestHandler):
            """Answers as the source says now."""

            def do_GET(self) -> None:
                question = Question(self.path)
                source.asked.append(question)
                try:
                    source.answer(self, question)
                except OSError:
                    # The one who asked has hung up.
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - of the base class
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.ended = self.ended  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/forecast?apikey=k-7"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Be down from here on."""
        self.ended.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
