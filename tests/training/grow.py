"""How much a process grows over many trainings of one architecture, in MB.

python -m tests.training.grow TRAININGS
"""

import gc
import os
import sys
from pathlib import Path

from recipe.training import prepare_runtime, train
from tests.training.tiny import config, dataset

WARM = 10
"""Trainings before the first look: compiled functions and pools of memory are made once."""


def resident() -> float:
    """MB of this process that are in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    prepare_runtime(1)
    data = dataset(train=64)
    before = 0.0
    trainings = int(sys.argv[1])
    for number in range(WARM + trainings):
        if number == WARM:
            before = resident()
        settings = config(
            train__epochs=1, train__learning_rate=1e-3 * (1 + number % 7), model__norm="batch",
            model__dropout=0.1 + 0.1 * (number % 5), train__weight_decay=0.01 * (1 + number % 3),
        )  # fmt: skip
        train(settings, data, seed=number)
        if "-v" in sys.argv and number % 20 == 0:
            print(number, round(resident()), file=sys.stderr, flush=True)
    print(round(resident() - before, 1))


if __name__ == "__main__":
    main()
