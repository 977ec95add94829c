"""`train.strategy: mirrored` on two logical CPU devices.

    python -m tests.training.mirrored FOLDER

A process of its own, for devices are divided before TensorFlow starts. It prints what it found
as JSON; `test_train.py` judges.
"""

import json
import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.config import RequestError, Task
from recipe.runs.console import NOTICES
from recipe.training import Checkpoint, Fitted, StopAt, prepare_runtime, train
from tests.training.kill_me import Fragile, Killed
from tests.training.random_configs import Rows, unequal
from tests.training.tiny import config, dataset

NORMS = {"model__norm": "batch", "model__dropout": 0.3, "train__optimizer": "adamw"}


def trained(data: Any, mirrored: bool = True, more: Any = (), checkpoint: Any = None,
            **changes: Any) -> tuple[Fitted, Rows, int]:  # fmt: skip
    """A training, the weights after each epoch, and its steps."""
    rows, steps = Rows(), []

    def count(model: keras.Model, logs: Any) -> bool:
        steps.append(int(keras.ops.convert_to_numpy(model.optimizer.iterations)))
        return False

    settings = config(**{"train__strategy": "mirrored" if mirrored else "single"} | changes)
    fitted = train(settings, data, 1, [rows, StopAt(count), *more], checkpoint=checkpoint)
    return fitted, rows, steps[-1] if steps else 0


def largest_difference(one: Fitted, other: Fitted) -> float:
    pairs = zip(one.model.get_weights(), other.model.get_weights(), strict=True)
    weights = max(float(np.abs(a - b).max()) for a, b in pairs)
    values = [np.abs(np.array(v) - other.history[k]).max() for k, v in one.history.items()]
    return max(weights, float(max(values)))


def main() -> None:
    folder = Path(sys.argv[1])
    (cpu,) = tf.config.list_physical_devices("CPU")
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, halves)
    prepare_runtime(None)
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    NOTICES.addHandler(handler)
    found: dict[str, Any] = {"devices": len(tf.config.list_logical_devices("CPU"))}

    data = dataset(Task.REGRESSION)
    both, single = trained(data), trained(data, mirrored=False)
    found["fallback"], found["said"] = both[0].fallback, said
    found["steps"] = [both[2], single[2]]
    found["difference"] = largest_difference(both[0], single[0])

    # 17 = 8 + 8 + 1: one device would get nothing of the last batch
    odd = trained(dataset(train=17, val=13), **NORMS)
    found["odd"] = [odd[2], odd[0].diverged, bool(np.isfinite(odd[0].history["val_loss"]).all())]

    changes = {**NORMS, "train__epochs": 3, "train__learning_rate": 0.5}
    try:
        trained(data, checkpoint=Fragile(folder / "kept.npz", lives=2), **changes)
    except Killed:
        found["killed"] = True
    alone = trained(data, **changes)
    again = trained(data, checkpoint=Fragile(folder / "kept.npz"), **changes)
    done = trained(data, checkpoint=Checkpoint(folder / "kept.npz"), **changes)
    found["resumed"] = [
        run[0].history == alone[0].history
        and unequal("weight", run[0].model.weights, alone[0].model.weights) == []
        for run in (again, done)
    ]
    best = int(np.argmax(alone[0].history["val_r2"]))
    weights = [weight.numpy().tobytes() for weight in alone[0].model.weights]
    found["best"] = [best, all(weight in alone[1].weights[best] for weight in weights)]

    broken = replace(data, train=replace(data.train, y=data.train.y * np.float32(1e30)))
    found["broken"] = str(trained(broken, train__optimizer="sgd")[0].non_finite)
    try:
        trained(data, train__batch_size=7)
    except RequestError as error:
        found["refused"] = str(error)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
