"""The learning rate from step to step: warm-up, then constant or falling.

Given as fractions of all steps of a training, so that a longer or shorter one has the same curve.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

NUMBERS = ("peak", "steps", "warmup")
"""Of a schedule; they stand in variables, so that nets that differ in them share a graph."""


@keras.saving.register_keras_serializable("recipe")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a line to its peak, then stays there, or falls in a line or a cosine to 0.

    Args:
        shape: constant, linear or cosine (Loshchilov and Hutter 2017, "SGDR").
        peak: the highest rate.
        steps: of the whole training.
        warmup: of them, those in which the rate rises (Goyal et al. 2017).
    """

    def __init__(self, shape: str, peak: float, steps: int, warmup: int = 0) -> None:
        self.shape, self.peak, self.steps, self.warmup = shape, float(peak), int(steps), int(warmup)
        self.numbers = {name: _number(getattr(self, name)) for name in NUMBERS}

    def __call__(self, step: Any) -> tf.Tensor:
        """The rate of a step, counted from 0."""
        peak, steps, warmup = (tf.convert_to_tensor(self.numbers[name]) for name in NUMBERS)
        made = tf.cast(step, tf.float64)
        # the first step of a warm-up is already one step up: at a rate of 0 nothing would move
        rising = (made + 1) / tf.maximum(warmup, 1)
        gone = tf.clip_by_value((made - warmup) / tf.maximum(steps - warmup, 1), 0, 1)
        falling = {
            "constant": tf.ones_like(gone),
            "linear": 1 - gone,
            "cosine": (1 + tf.cos(gone * tf.constant(3.141592653589793, tf.float64))) / 2,
        }[self.shape]
        return tf.cast(peak * tf.where(made < warmup, rising, falling), tf.float32)

    def get_config(self) -> dict[str, Any]:
        """Its arguments."""
        return {"shape": self.shape, **{name: getattr(self, name) for name in NUMBERS}}


def _number(value: float) -> tf.Variable:
    return tf.Variable(value, dtype=tf.float64, trainable=False, name="schedule")
