"""What disturbs a training from step to step: mixed examples, noise on weights and gradients.

None of it is a layer: the net that is judged and saved knows nothing of it. All of it follows from
the seed and the number of the step, so that there is no state to lose in a kill.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recipe.training.losses import SmoothedMulticlass

Extra = Mapping[str, tf.Tensor]
"""What a block of steps needs beside its examples: names that are absent are not computed."""

FALL = 0.55
"""The variance of a gradient's noise falls as (1 + step) ** -FALL (Neelakantan et al. 2015)."""


@dataclass(frozen=True)
class Disturbance:
    """How much of each; 0: none."""

    mixup: float = 0.0
    """Alpha of the Beta distribution from which a batch's share is drawn."""

    weight: float = 0.0
    """Standard deviation on each kernel's weights."""

    gradient: float = 0.0
    """Standard deviation on each gradient in the first step."""

    seed: int = 0

    @property
    def draws(self) -> bool:
        """Whether it draws numbers within a step."""
        return self.weight > 0 or self.gradient > 0

    def of_epoch(self, epoch: int, steps: int) -> dict[str, np.ndarray]:
        """What the steps of an epoch need; `part_of` takes a block of them."""
        found: dict[str, np.ndarray] = {}
        if self.mixup:
            # another stream than the order's, which begins with [seed, epoch]
            shares = np.random.default_rng([self.seed, epoch, 1]).beta(
                self.mixup, self.mixup, steps
            )
            found["share"] = shares.astype(np.float32)
        if self.draws:
            found["seed"] = np.array(self.seed, np.int32)
        for name in ("weight", "gradient"):
            if getattr(self, name):
                found[name] = np.array(getattr(self, name), np.float32)
        return found


UNDISTURBED = Disturbance()


def part_of(extra: Mapping[str, np.ndarray], first: int, steps: int) -> dict[str, tf.Tensor]:
    """What the steps from `first` on need."""
    return {
        name: tf.constant(value[first : first + steps] if name == "share" else value)
        for name, value in extra.items()
    }


def mixed(model: keras.Model, batch: tuple[Any, ...], share: Any) -> tuple[tf.Tensor, ...]:
    """Each example of a batch mixed with the one before it.

    Inputs and labels are mixed alike (Zhang et al. 2018, "mixup"); the order of a batch is random,
    so the one before is as good as any. An example that weighs more keeps more of its label: the
    loss is then the mix of the two weighted losses.

    Args:
        model: its loss says how labels are mixed.
        batch: x, y and perhaps the examples' weights.
        share: of each example itself; the rest is the other's.

    Returns:
        As many tensors; class positions become rows of shares, (batch, classes).
    """
    x, y, *weights = (tf.convert_to_tensor(part) for part in batch)
    share = tf.cast(share, tf.float32)
    inputs = _mix(x, share)
    if isinstance(model.loss, SmoothedMulticlass):
        y = tf.one_hot(tf.cast(tf.reshape(y, (-1,)), tf.int32), model.output_shape[-1])
    if not weights:
        return inputs, _mix(tf.cast(y, tf.float32), share)
    weight = _mix(weights[0], share)
    of_own = tf.reshape(share * weights[0] / weight, (-1, *[1] * (len(y.shape) - 1)))
    return inputs, _mix(tf.cast(y, tf.float32), of_own), weight


def _mix(values: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    share = tf.cast(share, values.dtype)
    return share * values + (1 - share) * tf.roll(values, 1, axis=0)


@contextmanager
def noisy(model: keras.Model, extra: Extra) -> Iterator[None]:
    """While a step is traced: noise on the kernels it reads, and on the gradients it applies.

    The optimizer sees the weights as they are: what it averages, decays or cuts is never noise.
    Sources: Graves 2011, "Practical Variational Inference", on weights; Neelakantan et al. 2015,
    "Adding Gradient Noise Improves Learning for Very Deep Networks".
    """
    if "seed" not in extra:
        yield
        return
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    step = tf.cast(optimizer.iterations, tf.int32)
    seed = tf.stack([extra["seed"], step])
    kernels = [w for w in model.trainable_weights if len(w.shape) > 1] if "weight" in extra else []
    clean = [tf.identity(kernel.value) for kernel in kernels]
    for number, kernel in enumerate(kernels):
        kernel.assign_add(_normal(kernel, seed, 2 * number) * extra["weight"])
    apply = optimizer.apply

    def applied(gradients: Any, variables: Any = None) -> Any:
        for kernel, weights in zip(kernels, clean, strict=True):
            kernel.assign(weights)
        if "gradient" in extra:
            size = extra["gradient"] * tf.cast(1 + step, tf.float32) ** (-FALL / 2)
            gradients = [
                None if given is None else given + _normal(given, seed, 2 * number + 1) * size
                for number, given in enumerate(gradients)
            ]
        return apply(gradients, variables)

    # past Keras's own __setattr__, as in `layers.py`
    object.__setattr__(optimizer, "apply", applied)
    try:
        yield
    finally:
        del optimizer.__dict__["apply"]


@contextmanager
def noisy_steps(model: keras.Model, disturbance: Disturbance) -> Iterator[None]:
    """While Keras's own `fit` runs: the same in each of its steps."""
    if not disturbance.draws:
        yield
        return
    extra = {name: tf.constant(value) for name, value in disturbance.of_epoch(0, 0).items()}
    train_step = model.train_step

    def step(data: Any) -> Any:
        with noisy(model, extra):
            return train_step(data)

    object.__setattr__(model, "train_step", step)
    try:
        yield
    finally:
        del model.__dict__["train_step"]


def _normal(like: Any, seed: tf.Tensor, number: int) -> tf.Tensor:
    """Of a tensor's shape; other numbers for each number."""
    folded = tf.random.experimental.stateless_fold_in(seed, number)
    return tf.random.stateless_normal(tf.shape(like), folded, dtype=tf.float32)
