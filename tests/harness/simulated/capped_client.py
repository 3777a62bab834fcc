"""A caller in a process of its own that asks for the voucher of each unit.

Started by test_strict_cap.py: `capped_client.py PORT UNITS ROUNDS WHO`. Says at the end
which units it has shown the voucher to, as JSON. WHO is how it names a unit: by its own
id, by one that was linked before, or by one that it links itself with each request.
"""

import http.client
import json
import sys
import time

GIVE_UP_S = 60.0


def named(who: str, unit: int) -> dict[str, object]:
    if who == "linked":
        return {"unit_id": f"anon-{unit}"}
    if who == "linking":
        return {"unit_id": f"mail-{unit}", "links": [f"u-{unit}"]}
    return {"unit_id": f"u-{unit}"}


def ask(port: int, body: dict[str, object]) -> tuple[int, dict[str, object]]:
    """Ask until there is an answer; the service may be short of something."""
    end_s = time.monotonic() + GIVE_UP_S
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVE_UP_S)
        try:
            connection.request("POST", "/v1/decisions", json.dumps(body))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except OSError:
            if time.monotonic() > end_s:
                raise
        finally:
            connection.close()


def main(port: int, units: int, rounds: int, who: str) -> None:
    shown: list[int] = []
    statuses: dict[int, int] = {}
    for unit in list(range(units)) * rounds:
        status, answer = ask(port, {"experiment": "popup"} | named(who, unit))
        statuses[status] = statuses.get(status, 0) + 1
        if answer.get("variant") == "voucher":
            shown.append(unit)
    sys.stdout.write(json.dumps({"shown": shown, "statuses": statuses}) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
