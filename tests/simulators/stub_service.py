"""A stand-in for `bandit-svc serve` that the demo's tests start as a process.

Takes the same options, decides by turns and reports a fixed uplift. With
BANDIT_STUB=dies it ends after 100 decisions with status 3.
"""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]
EXPERIMENTS: Json = {}
DECIDED = {"count": 0}


def report_of(key: str) -> dict[str, Any]:
    return {
        "experiment": key,
        "decisions": {"treatment": 90, "baseline": 10, "pending": 5},
        "uplift": {"absolute": {"estimate": 0.1, "interval": [0.05, 0.15]}},
        "groups": [{"group": "treatment", "n": 90, "mean": 0.3}],
        "variants": [{"variant": "sandals", "n": 90, "share": 1.0}],
        "model": {"version": 3, "lag_seconds": 0.3},
    }


def answer(method: str, path: str, body: Json | None) -> tuple[int, Any]:
    body = body or {}
    if path == "/v1/experiments":
        EXPERIMENTS[body["key"]] = body
        return 201, body
    if path == "/v1/decisions":
        DECIDED["count"] += 1
        if os.environ.get("BANDIT_STUB") == "dies" and DECIDED["count"] > 100:
            sys.stderr.write("the disk is on fire\n")
            sys.stderr.flush()
            os._exit(3)
        key = body["experiment"]
        variant = EXPERIMENTS[key]["variants"][0]["key"]
        number = str(DECIDED["count"])
        return 201, {"decision_id": number, "experiment": key, "variant": variant}
    if path.endswith("/report"):
        return 200, report_of(path.split("/")[3])
    if method == "GET" and path.startswith("/v1/"):
        known = EXPERIMENTS.get(path.split("/")[3])
        return (404, {"title": "Not found"}) if known is None else (200, known)
    return 202, {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One write an answer: two would wait for each other's acknowledgement.
    wbufsize = -1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay silent."""

    def handle_any(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, content = answer(
            self.command, self.path, json.loads(data) if data else None
        )
        encoded = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    do_GET = do_POST = handle_any  # noqa: N815


def main() -> None:
    port = int(sys.argv[sys.argv.index("--port") + 1])
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True

    def end(*_: object) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, end)
    server.serve_forever(0.05)


if __name__ == "__main__":
    main()
