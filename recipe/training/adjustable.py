"""Dropout, noise, penalties and smoothing whose amount can change without compiling anew.

Keras writes a rate into the compiled graph as a constant. In these twins it stands in a variable,
so that nets that differ only in such amounts share one graph. They compute what Keras's own
compute, to the bit. They live inside of `trace.py` alone: no net that anybody gets has them.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


def amount() -> tf.Variable:
    """An amount, in double precision as Python's own numbers."""
    return tf.Variable(0.0, dtype=tf.float64, trainable=False, name="amount")


class _Dropping:
    """Mixin of dropout layers: keep with probability 1 - amount, and scale up what is kept."""

    amount: tf.Variable
    seed_generator: keras.random.SeedGenerator

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        shape = self._mask_shape(inputs)
        drawn = keras.random.uniform(shape, dtype=inputs.dtype, seed=self.seed_generator)
        scale = tf.cast(1 / (1 - self.amount), inputs.dtype)
        return tf.where(drawn >= tf.cast(self.amount, inputs.dtype), inputs * scale, 0)

    def _mask_shape(self, inputs: Any) -> Any:
        """One draw for each unit, or for each map where dropout is spatial."""
        shape = keras.ops.shape(inputs)
        given = self._get_noise_shape(inputs) if hasattr(self, "_get_noise_shape") else None
        given = given or self.noise_shape  # type: ignore[attr-defined]
        if given is None:
            return shape
        return [s if g is None else g for s, g in zip(shape, given, strict=True)]


class Dropout(_Dropping, keras.layers.Dropout):
    """Keras's Dropout."""


class SpatialDropout1D(_Dropping, keras.layers.SpatialDropout1D):
    """Keras's SpatialDropout1D."""


class SpatialDropout2D(_Dropping, keras.layers.SpatialDropout2D):
    """Keras's SpatialDropout2D."""


class GaussianNoise(keras.layers.GaussianNoise):
    """Keras's GaussianNoise; the amount is its standard deviation."""

    amount: tf.Variable

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Add noise in training."""
        if not training:
            return inputs
        # as in Keras: a standard normal, times the deviation
        drawn = keras.random.normal(
            keras.ops.shape(inputs), dtype=self.compute_dtype, seed=self.seed_generator
        )
        return inputs + drawn * tf.cast(self.amount, self.compute_dtype)


class L2(keras.regularizers.L2):
    """Keras's L2 penalty."""

    amount: tf.Variable

    def __call__(self, x: Any) -> Any:
        """The penalty of a kernel."""
        x = keras.ops.convert_to_tensor(x)
        return tf.cast(self.amount, x.dtype) * keras.ops.sum(keras.ops.square(x))


class L1(keras.regularizers.L1):
    """Keras's L1 penalty."""

    amount: tf.Variable

    def __call__(self, x: Any) -> Any:
        """The penalty of a kernel."""
        x = keras.ops.convert_to_tensor(x)
        return tf.cast(self.amount, x.dtype) * keras.ops.sum(keras.ops.absolute(x))


LAYERS: dict[type, tuple[type, str]] = {
    keras.layers.Dropout: (Dropout, "rate"),
    keras.layers.SpatialDropout1D: (SpatialDropout1D, "rate"),
    keras.layers.SpatialDropout2D: (SpatialDropout2D, "rate"),
    keras.layers.GaussianNoise: (GaussianNoise, "stddev"),
}
"""Keras's layer -> its twin, and the argument that is its amount."""

REGULARIZERS: dict[type, tuple[type, str]] = {
    keras.regularizers.L1: (L1, "l1"),
    keras.regularizers.L2: (L2, "l2"),
}
"""Keras's regularizer -> its twin, and the argument that is its amount."""


def is_adjustable(regularizer: Any) -> bool:
    """Whether a regularizer has a twin, and an amount above zero."""
    if type(regularizer) not in REGULARIZERS:
        return False
    return float(getattr(regularizer, REGULARIZERS[type(regularizer)][1])) > 0


def twin_of(regularizer: Any, variable: tf.Variable) -> Any:
    """The same penalty with its amount in a variable."""
    kind, argument = REGULARIZERS[type(regularizer)]
    twin = kind(float(getattr(regularizer, argument)))
    twin.amount = variable
    return twin
