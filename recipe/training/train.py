"""From a config and a Dataset to a trained net: what every seed, rung, trial and member is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import keras
import tensorflow as tf

from recipe.config import Config, RequestError
from recipe.data import Dataset, Split
from recipe.runs.console import notice
from recipe.training.best import KeepBest
from recipe.training.checkpoint import Checkpoint
from recipe.training.compile import batch_size, new_model, steps_per_epoch
from recipe.training.disturb import Disturbance
from recipe.training.fast_path import xla_pays
from recipe.training.finetune import frozen_then_tuned
from recipe.training.fit import Fitted, fit
from recipe.training.metric import deciding_metric
from recipe.training.objective import example_weights


def train(
    config: Config,
    data: Dataset,
    seed: int,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    *,
    sample: Split | None = None,
    monitor: str | None = None,
    checkpoint: Checkpoint | None = None,
    trainings: int = 1,
) -> Fitted:
    """Build, compile and fit the config's net; it ends with the weights of its best epoch.

    Args:
        config: model and train sections are used.
        data: trained on `data.train`, validated on `data.val`.
        seed: of weights, batches, dropout and noise.
        callbacks: of Keras.
        sample: training examples to evaluate in inference mode after each epoch.
        monitor: score that says which epoch is the best; None: the deciding metric on val.
        checkpoint: where the training is kept, and goes on from.
        trainings: that will share this one's compiled function: it decides `train.jit: auto`.

    Raises:
        RequestError: Keras refuses the net, or several devices the batch; see also `fit`.
    """
    callbacks = [*callbacks]
    mirrored = config.train.strategy == "mirrored"
    if mirrored and _mirrored().num_replicas_in_sync == 1:
        notice("train.strategy: there is one device only; trained as single")
        mirrored = False
    if mirrored:
        _check_batch(config, len(data.train), _mirrored().num_replicas_in_sync)
    noise = config.model.noise
    disturbance = Disturbance(config.train.mixup, noise.weight, noise.gradient, seed)
    if mirrored and disturbance.draws:
        raise RequestError(
            "train.strategy: mirrored can't have model.noise.weight or model.noise.gradient; "
            "write single"
        )
    with _mirrored().scope() if mirrored else tf.distribute.get_strategy().scope():
        model = new_model(config, data, seed)
    steps = steps_per_epoch(config, len(data.train))
    jit = _is_jit(config, model, data, trainings)
    watched = monitor or f"val_{deciding_metric(config, data.task)}"

    def fit_up_to(epochs: int, begin: int, kept: Checkpoint | None) -> tuple[Fitted, KeepBest]:
        best = KeepBest(watched, patience=config.train.early_stopping)
        fitted = fit(
            model,
            data.train,
            val=data.val,
            sample=sample,
            weights=example_weights(config, data),
            batch_size=batch_size(config, len(data.train)),
            epochs=epochs,
            seed=seed,
            callbacks=[*callbacks, best],
            checkpoint=kept,
            jit=jit,
            disturbance=disturbance,
            # Keras keeps the moving averages of each replica apart
            norms="moving" if mirrored else config.train.norm_statistics,
            averages=config.train.ema is not None,
            begin=begin,
        )
        return fitted, best

    if config.train.unfreeze is None:
        fitted, _ = fit_up_to(config.train.epochs, 0, checkpoint)
    else:
        fitted = frozen_then_tuned(model, config, data.task, steps, fit_up_to, checkpoint)
    if not mirrored:
        return fitted
    # what it is used for afterwards knows nothing of devices
    plain = new_model(config, data, seed)
    plain.set_weights(model.get_weights())
    return replace(fitted, model=plain)


def _is_jit(config: Config, model: keras.Model, data: Dataset, trainings: int) -> bool:
    if config.train.jit != "auto":
        return config.train.jit
    if config.model.noise.weight or config.model.noise.gradient:
        return False  # XLA draws random numbers slowly
    steps = steps_per_epoch(config, len(data.train)) * config.train.epochs
    return xla_pays(model, trainings * steps)


def _check_batch(config: Config, examples: int, replicas: int) -> None:
    """Raises RequestError: a batch can't be divided evenly."""
    size = batch_size(config, examples)
    if size % replicas and size < examples:
        raise RequestError(
            f"train.batch_size: {size} examples can't be divided evenly among {replicas} devices; "
            f"write {size + -size % replicas}"
        )


@cache
def _mirrored() -> tf.distribute.MirroredStrategy:
    """One replica on each GPU, or on each logical CPU device where there is none."""
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    return tf.distribute.MirroredStrategy([device.name for device in devices])
