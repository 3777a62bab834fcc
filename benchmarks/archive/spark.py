"""`make test-spark`: the archive's statement on Spark gives what `ope` gives.

    python -m benchmarks.archive.spark [--rows N]

Starts Spark in this process on two cores, which needs a Java runtime (Debian's
openjdk-17-jre-headless) and pyspark. Rewards are drawn with an infinite variance, with
and without a constant of 1e6, and units return. Spark sums plainly. Prints the largest
relative difference of values and of errors, and exits 1 if one is above 1e-9.
"""

import argparse
import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from bandit_svc.archive.sufficient import Target, estimates_of, statement
from benchmarks.archive.cost import by_ope, write_rows

LARGEST = 1e-9
OFFSETS = (0.0, 1e6)


def main() -> int:
    """Compare; return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    largest = 0.0
    spark = _started()
    for offset in OFFSETS:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            write_rows(place, rows, offset=offset, heavy=True)
            ours = by_ope(place)
            spark.read.parquet(str(place)).createOrReplaceTempView("log")
            for target in (
                Target("baseline"),
                Target("uniform"),
                Target("fixed", "v2"),
            ):
                row = spark.sql(statement("spark", "log", target)).collect()[0]
                sums = {
                    k: None if v is None else float(v) for k, v in row.asDict().items()
                }
                found = estimates_of(sums)
                if target.kind != "baseline":
                    sys.stdout.write(f"{target.kind} {offset:g}: {found['dr']}\n")
                    continue
                for name, (value, error) in found.items():
                    apart = (
                        abs(value / ours[f"value {name}"] - 1),
                        abs(error / ours[f"error {name}"] - 1),
                    )
                    largest = max(largest, *apart)
                    sys.stdout.write(
                        f"{name} with {offset:g}: value {apart[0]:.1e}, error "
                        f"{apart[1]:.1e}\n"
                    )
    sys.stdout.write(f"largest relative difference {largest:.1e}\n")
    return int(largest > LARGEST)


def _started() -> Any:  # noqa: ANN401 - pyspark is not among our packages
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    sql = importlib.import_module("pyspark.sql")
    builder = sql.SparkSession.builder.master("local[2]")
    for name, value in (
        ("spark.ui.enabled", "false"),
        ("spark.driver.bindAddress", "127.0.0.1"),
        ("spark.driver.host", "127.0.0.1"),
        ("spark.driver.memory", "2g"),
    ):
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


if __name__ == "__main__":
    sys.exit(main())
