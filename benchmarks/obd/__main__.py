"""Both ways through the small Open Bandit Dataset, by the command line.

Thompson sampling from the uniform log, and uniform choice from the log of Thompson
sampling, in each campaign, beside what the policy really earned in its own log.

Run it with `python -m benchmarks.obd`; with `--folder DIR` it leaves the logs
there.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.obd.data import (
    CAMPAIGNS,
    POLICIES,
    OpenBanditData,
    arguments_of,
    cache_folder,
    fetch_wheel,
)

COMMAND = str(Path(sys.executable).with_name("bandit-svc"))
OTHER = {"random": "bts", "bts": "random"}
WIDTHS = (9, 14, 9, 9, 9, 9, 9, 9, 11, 8)
HEADER = (
    *("campaign", "policy", "earned", "ips", "snips", "dm", "dr"),
    *("mean w", "largest w", "ess"),
)


def evaluated(log: Path) -> dict[str, Any]:
    """Run the command and give the row of its one policy."""
    ran = subprocess.run(
        [COMMAND, *arguments_of(log), "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    row: dict[str, Any] = json.loads(ran.stdout)["policies"][0]
    return row


def line(*cells: str) -> str:
    """Align one line of the table."""
    return " ".join(c.rjust(w) for c, w in zip(cells, WIDTHS, strict=True))


def table_row(data: OpenBanditData, policy: str, campaign: str, folder: Path) -> str:
    """Return the line of one log, with the reason if the policy is refused."""
    row = evaluated(data.write_log(policy, campaign, folder))
    own = data.rows(OTHER[policy], campaign)
    earned = sum(int(r["click"]) for r in own) / len(own)
    values = [
        "-" if (value := row["estimates"][name]["estimate"]) is None else f"{value:.6f}"
        for name in ("ips", "snips", "dm", "dr")
    ]
    text = line(
        campaign,
        f"{policy} > {OTHER[policy]}",
        f"{earned:.4f}",
        *values,
        f"{row['mean_weight']:.4f}",
        f"{row['max_weight']:.2f}",
        f"{row['effective_sample_size']:.1f}",
    )
    return text if row["refused"] is None else f"{text}\n    refused: {row['refused']}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, help="keep the prepared logs here")
    parser.add_argument("--campaign", choices=CAMPAIGNS, action="append")
    arguments = parser.parse_args()
    data = OpenBanditData(fetch_wheel(cache_folder()))
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(line(*HEADER))
        for campaign in arguments.campaign or CAMPAIGNS:
            for policy in POLICIES:
                print(table_row(data, policy, campaign, folder), flush=True)


if __name__ == "__main__":
    main()
