"""The small Open Bandit Dataset, as logs that `bandit-svc evaluate --log` reads.

Owns where the data come from (the obp 0.4.1 wheel, checked by its SHA-256, kept
outside of the repository) and the policy that made half of them: Bernoulli Thompson
sampling, recomputed from its published prior.
"""

import csv
import hashlib
import io
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

WHEEL = "obp-0.4.1-py3-none-any.whl"
SHA256 = "87dec9caf4283c25ab13036532e0a24566f1c7bdcad1653a8ded43b2f5ef8208"
CAMPAIGNS = ("all", "men", "women")
ITEMS = {"all": 80, "men": 34, "women": 46}
POLICIES = ("random", "bts")
PLACES = 3
"""Items shown at once, the best of each draw."""
DRAWS = 100_000
DRAW_SEED = 12_345
"""As in obp, so that its table of chances comes out."""


class DatasetError(Exception):
    """The data can't be had, or are not those that were published."""


def cache_folder() -> Path:
    """Return the folder that keeps the wheel between runs, that of the tests."""
    return Path(__file__).parents[2] / ".pytest_cache" / "open-bandit-dataset"


def fetch_wheel(folder: Path) -> Path:
    """Return the path of the wheel, downloaded with pip if it is not there.

    Raises:
        DatasetError: pip can't get it, or its bytes are others.
    """
    wheel = folder / WHEEL
    if not wheel.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            got = subprocess.run(
                [*pip, "download", "--quiet", "--no-deps", "-d", fresh, "obp==0.4.1"],
                capture_output=True,
                text=True,
                check=False,
            )
            if got.returncode != 0:
                raise DatasetError(f"pip could not download obp 0.4.1: {got.stderr}")
            # Whoever looks meanwhile sees all of it or nothing.
            (Path(fresh) / WHEEL).replace(wheel)
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SHA256:
        raise DatasetError(
            f"{wheel} has the SHA-256 {found}; it must be {SHA256}. Delete it"
        )
    return wheel


class OpenBanditData:
    """One wheel, opened."""

    def __init__(self, wheel: Path) -> None:
        self._wheel = wheel

    def rows(self, policy: str, campaign: str) -> list[dict[str, str]]:
        """Return the 10,000 logged choices of a policy in a campaign."""
        name = f"obp/dataset/obd/{policy}/{campaign}/{campaign}.csv"
        return list(csv.DictReader(io.StringIO(self._text(name))))

    def prior(self, campaign: str) -> tuple[list[float], list[float]]:
        """Return alpha and beta of each item's Beta distribution."""
        text = self._text("obp/policy/conf/prior_bts.yaml")
        blocks = re.split(r"^(\w+):\s*$", text, flags=re.MULTILINE)
        mine = dict(zip(blocks[1::2], blocks[2::2], strict=True))[campaign]
        found = re.split(r"^  (\w+):\s*$", mine, flags=re.MULTILINE)
        lists = {
            name: [float(number) for number in re.findall(r"- (\S+)", values)]
            for name, values in zip(found[1::2], found[2::2], strict=True)
        }
        return lists["alpha"], lists["beta"]

    def thompson(self, campaign: str) -> npt.NDArray[np.float64]:
        """Return the pmfs of Thompson sampling: (items, places), columns sum to 1."""
        alpha, beta = self.prior(campaign)
        drawn = np.random.RandomState(DRAW_SEED).beta(alpha, beta, (DRAWS, len(alpha)))
        shown = np.argsort(-drawn, axis=1)[:, :PLACES]
        counts = [np.bincount(place, minlength=len(alpha)) for place in shown.T]
        chances: npt.NDArray[np.float64] = np.stack(counts, axis=1) / DRAWS
        return chances

    def item_features(self, campaign: str) -> list[list[object]]:
        """Return the items' features numbered as in obp; the first cell is the item."""
        name = f"obp/dataset/obd/random/{campaign}/item_context.csv"
        items = list(csv.DictReader(io.StringIO(self._text(name))))
        items.sort(key=lambda item: int(item["item_id"]))
        texts = ("item_feature_1", "item_feature_2", "item_feature_3")
        codes = {
            t: {v: i for i, v in enumerate(sorted({item[t] for item in items}))}
            for t in texts
        }
        return [
            [
                item["item_id"],
                item["item_feature_0"],
                *(codes[t][item[t]] for t in texts),
            ]
            for item in items
        ]

    def write_log(self, policy: str, campaign: str, folder: Path) -> Path:
        """Write a log with the other policy's chance `p` of each logged item.

        Beside it stands `items-CAMPAIGN.csv` with the features of the items.
        """
        rows = self.rows(policy, campaign)
        if policy == "random":
            table = self.thompson(campaign)
            chances = [
                float(table[int(row["item_id"]), int(row["position"]) - 1])
                for row in rows
            ]
        else:
            chances = [1 / len(self.prior(campaign)[0])] * len(rows)
        names = [name for name in rows[0] if name and "affinity" not in name]
        file = folder / f"{policy}-{campaign}.csv"
        cells = [
            [*(row[name] for name in names), p]
            for row, p in zip(rows, chances, strict=True)
        ]
        _write(file, [*names, "p"], cells)
        _write(
            folder / f"items-{campaign}.csv",
            ["item_id", *(f"feature_{i}" for i in range(4))],
            self.item_features(campaign),
        )
        return file

    def _text(self, name: str) -> str:
        with zipfile.ZipFile(self._wheel) as wheel:
            return wheel.read(name).decode()


def arguments_of(log: Path) -> list[str]:
    """Return the options of `bandit-svc evaluate` for a log that was written here.

    Thompson sampling is the column `p`. For a uniform choice among all items the
    policy is named, since the log of Thompson sampling does not show every item at
    every place, and so the column alone does not tell the whole policy.
    """
    policy, _, campaign = log.stem.partition("-")
    features = ",".join(f"user_feature_{i}" for i in range(4))
    items = log.with_name(f"items-{campaign}.csv")
    target = ["--target-propensity-column", "p"]
    if policy == "bts":
        target = ["--policy", "uniform", "--actions", str(ITEMS[campaign])]
    return [
        *("evaluate", "--log", str(log), "--action-column", "item_id"),
        *("--reward-column", "click", "--propensity-column", "propensity_score"),
        *("--position-column", "position", "--context-columns", features),
        *("--action-features", str(items)),
        *target,
    ]


def _write(file: Path, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(names)
        writer.writerows(rows)
