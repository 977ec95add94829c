"""A training that is killed again and again: does it end as it would have undisturbed?

    python -m tests.training.kill_me FOLDER --kills 3

Every start is a process of its own, ended by SIGKILL at a random moment; TensorFlow is imported
before they part, and first used after. The tests make 3 kills, `make proof ONLY=resume` 50.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import keras

from recipe.runs import fingerprint
from recipe.runs.files import read_json, write_atomically
from recipe.training import Checkpoint, KeepBest, fit, new_model, prepare_runtime
from tests.training.random_configs import Looks
from tests.training.tiny import config, dataset

SECONDS = 0.05
"""Between two checkpoints: more often than any kill."""

BLOCK_STEPS = 7
"""So that most checkpoints fall into the middle of an epoch."""


class Killed(BaseException):
    """As by SIGKILL: nobody gets to tidy up."""


class Fragile(Checkpoint):
    """Writes at every occasion, and is killed after so many, in this very process."""

    def __init__(self, path: Path, lives: float = float("inf")) -> None:
        super().__init__(path, seconds=0)
        self.lives = lives

    def save(self, *given: Any) -> None:
        super().save(*given)
        self.lives -= 1
        if self.lives == 0:
            raise Killed


def train(folder: Path, epochs: int, stock: bool, threads: int | None) -> None:
    """Train, from the checkpoint in the folder if there is one; write what came out."""
    prepare_runtime(threads)
    import_module("recipe.training.fit").BLOCK_STEPS = BLOCK_STEPS
    settings = config(
        model__widths=(16, 16), model__norm="batch", model__dropout=0.2,
        model__noise={"input": 0.1}, train__optimizer="adamw", train__weight_decay=0.01,
    )  # fmt: skip
    data = dataset(train=403, val=50)
    model = new_model(settings, data, seed=1)
    keep = KeepBest("val_loss")
    plateau = keras.callbacks.ReduceLROnPlateau("val_loss", 0.7, patience=3, min_lr=1e-5)
    fitted = fit(
        model, data.train, val=data.val, batch_size=16, epochs=epochs, seed=1,
        callbacks=[keep, plateau, *([Looks()] if stock else [])],
        checkpoint=Checkpoint(folder / "checkpoint.npz", seconds=SECONDS),
    )  # fmt: skip
    outcome = {
        "weights": fingerprint.of_bytes(v.numpy().tobytes() for v in fitted.model.variables),
        "history": fingerprint.digest(fitted.history),
        "epochs": len(fitted.history["loss"]),
        "best": [keep.best_epoch, keep.best, keep.since_best],
        "rate": fitted.history["learning_rate"][-1],
    }
    write_atomically(folder / "result.json", json.dumps(outcome))


def undisturbed(folder: Path, **settings: Any) -> tuple[dict[str, Any], float]:
    """What comes out if nobody kills it, and the seconds that it takes."""
    started = time.monotonic()
    if not _run_until(folder, float("inf"), **settings):
        raise RuntimeError("the training failed")
    return read_json(folder / "result.json"), time.monotonic() - started


def killed(
    folder: Path, kills: int, seconds: float, chosen: random.Random, **settings: Any
) -> tuple[dict[str, Any], int]:
    """What comes out after so many kills at most, and how many there were.

    Args:
        folder: of its checkpoint.
        kills: after which it is left alone.
        seconds: that an undisturbed start takes; each is killed before, if it lives so long.
        chosen: the moments.
        settings: of `train`.
    """
    done = 0
    while not _run_until(
        folder, chosen.uniform(0, seconds) if done < kills else float("inf"), **settings
    ):
        done += 1
    return read_json(folder / "result.json"), done


def _run_until(folder: Path, seconds: float, **settings: Any) -> bool:
    """Train in a process of its own, and kill it after so long; False: it was killed."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            train(folder, **settings)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            if status:
                raise RuntimeError(f"the training ended with status {status}")
            return True
        if time.monotonic() >= end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(0.002)


def main() -> int:
    """Kill trainings until there were so many kills; print each, and what was equal, as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    chosen = random.Random(given.seed)
    shutil.rmtree(given.folder, ignore_errors=True)
    common = {"epochs": given.epochs, "threads": given.threads}
    expected, seconds = undisturbed(given.folder / "undisturbed", stock=False, **common)
    trainings = equal = total = 0
    while total < given.kills:
        # every third by Keras's own fit
        stock = trainings % 3 == 2
        folder = given.folder / f"training_{trainings}"
        result, kills = killed(folder, given.kills - total, seconds, chosen, stock=stock, **common)
        trainings, total, equal = trainings + 1, total + kills, equal + (result == expected)
        print(
            f"{kills} kills, {'stock' if stock else 'resident'}: {result == expected}", flush=True
        )
        if result != expected:
            print(f"expected {expected}, got {result}", flush=True)
    said = {"kills": total, "trainings": trainings, "equal": equal, "seconds": seconds}
    print(json.dumps({**said, "epochs": expected["epochs"]}))
    return 0 if equal == trainings else 1


if __name__ == "__main__":
    sys.exit(main())
