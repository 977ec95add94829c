"""The one place where weights change: epochs over data that stays in memory as tensors.

`keras.Model.fit` spends most of a small net's epoch outside of the net. Here one compiled call
runs a whole epoch: batches are gathered by a seeded permutation inside the graph, and each step
is Keras's own `train_step`. Keras's epoch-level callbacks work; batch-level ones are not called.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from recipe.config import Config
from recipe.data import Dataset, Split
from recipe.training.compile import batch_size, new_model
from recipe.training.metric import HIGHER_IS_BETTER, deciding_metric


def train(
    config: Config,
    data: Dataset,
    seed: int,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> keras.callbacks.History:
    """Build, compile and fit the config's net; `history.model` is the trained model.

    Args:
        config: model and train sections are used.
        data: trained on `data.train`, validated on `data.val`.
        seed: of weights, batches, dropout and noise.
        callbacks: of Keras, epoch-level.

    Returns:
        Keras's History: `history.history["val_loss"]` and so on, one value an epoch.
    """
    model = new_model(config, data, seed)
    stopping = early_stopping(config, data)
    return fit(
        model,
        data.train,
        val=data.val,
        batch_size=batch_size(config, len(data.train)),
        epochs=config.train.epochs,
        seed=seed,
        callbacks=[*callbacks, *stopping],
    )


def diverged(history: keras.callbacks.History) -> bool:
    """Whether the training ended with a loss that is not finite; it then has no score.

    Early stopping may have put earlier weights back: they are not what was asked for.
    """
    return not np.isfinite(history.history["loss"][-1])


def early_stopping(config: Config, data: Dataset) -> list[keras.callbacks.Callback]:
    """Keras's EarlyStopping on the deciding metric, restoring the best weights; or nothing."""
    if config.train.early_stopping is None:
        return []
    name = deciding_metric(config, data.task)
    return [restore_best(f"val_{name}", patience=config.train.early_stopping)]


def restore_best(monitor: str, patience: int | None = None) -> keras.callbacks.Callback:
    """Keras's EarlyStopping that ends with the weights of the best epoch.

    Args:
        monitor: a validation score in the epoch's logs, e.g. "val_loss".
        patience: epochs without a better one before it stops; None: train to the end.
    """
    return keras.callbacks.EarlyStopping(
        monitor=monitor,
        mode="max" if HIGHER_IS_BETTER[monitor.removeprefix("val_")] else "min",
        patience=sys.maxsize if patience is None else patience,
        restore_best_weights=True,
    )


def compiled_loss(model: keras.Model, split: Split) -> float:
    """The loss as the compiled model computes it, in inference mode, without any update."""
    model.reset_metrics()
    _validation(model, split)()
    return _results(model)["loss"]


def fit(
    model: keras.Model,
    train: Split,
    *,
    batch_size: int,
    epochs: int,
    seed: int,
    val: Split | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> keras.callbacks.History:
    """Fit a compiled model to examples in memory.

    Args:
        model: compiled; its weights change.
        train: examples to learn from, shuffled anew each epoch.
        batch_size: examples per step; the last batch of an epoch may be smaller.
        epochs: passes over `train`. A loss that is not finite ends the training earlier.
        seed: of the shuffling.
        val: examples to evaluate after each epoch.
        callbacks: Keras callbacks with epoch-level hooks.
    """
    x, y = tf.constant(train.x), tf.constant(_column(train.y))

    # relaxed shapes: the last batch is smaller, and is not worth a second trace
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def run_epoch(order: tf.Tensor) -> None:
        for start in tf.range(0, len(train), batch_size):
            rows = order[start : start + batch_size]
            model.train_step((tf.gather(x, rows), tf.gather(y, rows)))

    run_validation = _validation(model, val) if val is not None else None
    _build_metrics(model, x[:1], y[:1])
    rng = np.random.default_rng(seed)
    history = keras.callbacks.History()
    hooks = keras.callbacks.CallbackList(
        [*callbacks, history], add_history=False, model=model, epochs=epochs
    )
    model.stop_training = False
    hooks.on_train_begin()
    logs: dict[str, float] = {}
    for epoch in range(epochs):
        hooks.on_epoch_begin(epoch)
        model.reset_metrics()
        run_epoch(rng.permutation(len(train)).astype(np.int32))
        logs = _results(model)
        finite = np.isfinite(logs["loss"])
        if run_validation is not None:
            model.reset_metrics()
            run_validation()
            logs |= {f"val_{name}": value for name, value in _results(model).items()}
        hooks.on_epoch_end(epoch, logs)
        if model.stop_training or not finite:
            break
    # an optimizer that averages weights (`use_ema`) puts the average in place now
    model.optimizer.finalize_variable_values(model.trainable_weights)
    hooks.on_train_end(logs)
    return history


def _validation(model: keras.Model, val: Split) -> tf.types.experimental.PolymorphicFunction:
    x, y = tf.constant(val.x), tf.constant(_column(val.y))
    block = 1024

    @tf.function
    def run() -> None:
        for start in tf.range(0, len(val), block):
            model.test_step((x[start : start + block], y[start : start + block]))

    return run


def _build_metrics(model: keras.Model, x: tf.Tensor, y: tf.Tensor) -> None:
    """Create optimizer slots and metric variables, which can't be made inside a loop's graph."""
    model.optimizer.build(model.trainable_variables)
    model.test_step((x, y))


def _column(y: np.ndarray) -> np.ndarray:
    """Class positions as (examples, 1), the shape of a binary head's logits."""
    return y[:, np.newaxis] if y.ndim == 1 else y


def _results(model: keras.Model) -> dict[str, float]:
    return {name: float(value) for name, value in model.get_metrics_result().items()}
