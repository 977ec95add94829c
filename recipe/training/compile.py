"""From a config to a compiled net: the optimizer by name, the metric from the task."""

from __future__ import annotations

import itertools
import random
from typing import Any

import keras
import tensorflow as tf

from recipe.checks.formulas import Loss
from recipe.config import Config, KerasObject, RequestError, Task
from recipe.data import Dataset
from recipe.models import build
from recipe.training.data_init import DATA_DRIVEN, EXAMPLES, initialize_by_data
from recipe.training.losses import MixedAccuracy, SmoothedBinary, SmoothedMulticlass
from recipe.training.objective import trained_loss, trained_prior
from recipe.training.schedule import Schedule

NOT_DECAYED = ["bias", "gamma", "beta"]
"""Weight decay pulls these towards zero without making the function simpler."""

NETS_OF_KERNELS = 50
"""Nets after which TensorFlow clears its kernels: 0.5 MB of them a small net, and 0.2 s to make
those again that are still used (measured)."""

OF_NUMBERS = {
    "mean_squared_error": keras.losses.MeanSquaredError,
    "mean_absolute_error": keras.losses.MeanAbsoluteError,
    "huber": keras.losses.Huber,
}
"""`train.loss` -> Keras's class. Huber's delta is 1, its default: one std of the target."""

_NETS = itertools.count(1)


def new_model(config: Config, data: Dataset, seed: int) -> keras.Model:
    """Build and compile the config's net for a data set, with weights drawn from `seed`.

    Raises:
        RequestError: Keras refuses the net or the optimizer.
    """
    _seed(config, seed)
    steps = steps_per_epoch(config, len(data.train))
    scaling = data.features.scaling
    model = build(
        _with_momentum(config, steps).model,
        data.shape,
        data.task,
        trained_prior(config, data),
        config.train.augment,
        data.features.numbers,
        None if scaling is None else (scaling.mean, scaling.std),
    )
    if config.model.kernel_initializer in DATA_DRIVEN:
        some = data.train.drawn(EXAMPLES)
        initialize_by_data(model, str(config.model.kernel_initializer), some.x)
    compile_anew(model, config, data.task, steps * config.train.epochs)
    return model


def compile_anew(model: keras.Model, config: Config, task: Task, steps: int) -> None:
    """Give the net a fresh optimizer, for a training of so many steps, and its loss and metric."""
    is_mixed = config.train.mixup > 0
    # the epoch is compiled as a whole, with XLA or without (`fast_path.py`)
    model.compile(
        optimizer=optimizer(config, steps),
        loss=_loss(trained_loss(config, task), task, is_mixed),
        metrics=[_metric(task, is_mixed)],
        jit_compile=False,
    )


def _seed(config: Config, seed: int) -> None:
    """Fix what weights, dropout and noise are drawn from.

    Keras's own layers take their seeds from Python's generator. `keras.utils.set_random_seed`
    also seeds NumPy, whose numbers may be somebody else's, and TensorFlow, which clears its
    compiled kernels: that doubles the cost of a small training in a process that has made one
    before. So it is for code that may draw from there; TensorFlow's part is for every so-manyeth
    net, too: a kernel is kept for each variable that there ever was.
    """
    if ":" in config.model.family:
        keras.utils.set_random_seed(seed)
        return
    random.seed(seed)
    if next(_NETS) % NETS_OF_KERNELS == 0:
        tf.random.set_seed(seed)


def steps_per_epoch(config: Config, examples: int) -> int:
    """Optimizer steps in one pass, the last partial batch included."""
    return -(-examples // batch_size(config, examples))


def batch_size(config: Config, examples: int) -> int:
    """Examples per step, with `full` decided."""
    size = config.train.batch_size
    return examples if size == "full" else min(size, examples)


def optimizer(config: Config, steps: int) -> keras.optimizers.Optimizer:
    """The config's optimizer.

    Args:
        config: its train section is used.
        steps: of the whole training, for the schedule.

    Raises:
        RequestError: no such optimizer, or arguments that it does not take.
    """
    given = config.train.optimizer
    name, arguments = given, dict[str, Any]()
    if isinstance(given, KerasObject):
        name, arguments = given.class_name, given.config
    try:
        default = keras.optimizers.get(name)
        settings: dict[str, Any] = {"learning_rate": _rate(config, steps)}
        if config.train.clipnorm is not None:
            settings["global_clipnorm"] = config.train.clipnorm
        if config.train.ema is not None:
            settings |= {"use_ema": True, "ema_momentum": config.train.ema}
        # AdamW decays by default: there the config's 0 must be said, elsewhere it costs time
        if config.train.weight_decay or default.weight_decay:
            settings["weight_decay"] = config.train.weight_decay
        if hasattr(default, "adam_weight_decay"):  # Muon's, for the weights that Adam moves
            settings["adam_weight_decay"] = config.train.weight_decay
        made = type(default)(**{**settings, **arguments})
    except (TypeError, ValueError, KeyError) as error:
        first_line = str(error).strip().split("\n")[0]
        raise RequestError(f"train.optimizer: {name}: {first_line}") from error
    made.exclude_from_weight_decay(var_names=NOT_DECAYED)
    return made


def _rate(config: Config, steps: int) -> float | Schedule:
    """A number, where it stays the same: then it can be changed without compiling anew."""
    given = config.train
    warmup = round(given.warmup * steps)
    if given.schedule == "constant" and warmup == 0:
        return given.learning_rate
    return Schedule(given.schedule, given.learning_rate, steps, warmup)


def _with_momentum(config: Config, steps: int) -> Config:
    """Batch norm's momentum as a number.

    auto: an average that still remembers its initial value gives wrong validation losses, so
    after one epoch at most 1 % of it may be left (measured: 5.20 against 0.12 after 20 steps
    at 0.99; checklist, fact 7).
    """
    if config.model.norm_momentum != "auto":
        return config
    return config.replace({"model.norm_momentum": min(0.99, 0.01 ** (1 / steps))})


def _loss(loss: Loss, task: Task, is_mixed: bool) -> keras.losses.Loss:
    if task is Task.REGRESSION:
        return OF_NUMBERS[loss.name]()
    if task is Task.MULTICLASS:
        if loss.label_smoothing or is_mixed:
            return SmoothedMulticlass(loss.label_smoothing)
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if loss.label_smoothing:
        return SmoothedBinary(loss.label_smoothing)
    return keras.losses.BinaryCrossentropy(from_logits=True)


def _metric(task: Task, is_mixed: bool) -> keras.metrics.Metric:
    """The metric that Keras computes while it trains, on logits."""
    if is_mixed and task is not Task.REGRESSION:
        return MixedAccuracy(is_multiclass=task is Task.MULTICLASS)
    if task is Task.MULTICLASS:
        return keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    if task in (Task.BINARY, Task.MULTILABEL):
        return keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
    return keras.metrics.R2Score(name="r2")
