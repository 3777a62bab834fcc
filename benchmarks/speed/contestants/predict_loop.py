"""Vowpal Wabbit alone, in one process: `Workspace.predict` in a loop.

Reads the texts of examples as a JSON list from standard input, predicts on them in
turn for the seconds of its argument, prints predictions a second. Renders no text,
draws nothing, stores nothing.
"""

import itertools
import json
import sys
import time

from vowpalwabbit import Workspace

_OPTIONS = (
    "--cb_explore_adf --squarecb --gamma_scale 100 --cb_type mtr -q ca -b 18 "
    "--example_queue_limit 1 --quiet"
)


def main() -> None:
    """Predict until the time is up."""
    examples = itertools.cycle(json.load(sys.stdin))
    seconds = float(sys.argv[1])
    workspace = Workspace(_OPTIONS)
    for example in itertools.islice(examples, 200):
        workspace.predict(example)
    count, began_s = 0, time.perf_counter()
    while time.perf_counter() - began_s < seconds:
        for example in itertools.islice(examples, 100):
            workspace.predict(example)
        count += 100
    print(count / (time.perf_counter() - began_s))


if __name__ == "__main__":
    main()
