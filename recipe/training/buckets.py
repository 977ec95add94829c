"""Counts over many arrays inside of a graph: histograms as TensorBoard keeps them.

All arrays are counted as one long one. A few operations for each of them would take longer to
compile than the training step that they look at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

BUCKETS = 30
"""Of a histogram, all of one width: as many as TensorBoard's own."""


class Counting:
    """Several arrays of float32, of any shapes, none of them empty."""

    def __init__(self, arrays: Sequence[tf.Tensor]) -> None:
        self._arrays = len(arrays)
        self._sizes = tf.stack([tf.size(array) for array in arrays])
        self._values = tf.concat([tf.reshape(array, [-1]) for array in arrays], axis=0)
        self._finite = tf.math.is_finite(self._values)

    def not_finite(self) -> tf.Tensor:
        """Share of each array's values that is NaN or infinite, (arrays,)."""
        bad = tf.cond(
            tf.reduce_all(self._finite),
            lambda: tf.zeros([self._arrays], tf.int32),
            lambda: self._count(tf.cast(~self._finite, tf.int32), 2)[:, 1],
        )
        return bad / self._sizes  # as float64

    def histograms(self, wanted: tf.Tensor) -> list[tf.Tensor]:
        """Where the finite values of each array lie.

        Args:
            wanted: a truth; else all is 0. Counting costs as much as a training step.

        Returns:
            The lowest edge (arrays,), the highest (arrays,), and the counts (arrays, 30).
        """
        edges, counts = [self._arrays], [self._arrays, BUCKETS]
        return tf.cond(
            wanted,
            self._histograms,
            lambda: [tf.zeros(edges), tf.zeros(edges), tf.zeros(counts, tf.int32)],
        )

    def _histograms(self) -> list[tf.Tensor]:
        owners, values, finite = self._owners(), self._values, self._finite
        with tf.device("CPU:0"):  # where all of these are deterministic
            low = tf.math.segment_min(tf.where(finite, values, np.inf), owners)
            high = tf.math.segment_max(tf.where(finite, values, -np.inf), owners)
        # 0 where nothing is finite; one value alone gets a width of 1, as in TensorBoard's own
        low, high = tf.where(low <= high, low, 0.0), tf.where(low <= high, high, 0.0)
        low, high = tf.where(low < high, low, low - 0.5), tf.where(low < high, high, high + 0.5)
        # halves: the whole range of float32 does not fit into float32
        above = values / 2 - tf.gather(low / 2, owners)
        share = above / tf.gather(high / 2 - low / 2, owners)
        place = tf.clip_by_value(tf.cast(share * BUCKETS, tf.int32), 0, BUCKETS - 1)
        # what is not finite has a bucket that is thrown away
        counts = self._count(tf.where(finite, place, BUCKETS), BUCKETS + 1)
        return [low, high, counts[:, :BUCKETS]]

    def _owners(self) -> tf.Tensor:
        """The number of the array that each value is from."""
        return tf.repeat(tf.range(self._arrays), self._sizes)

    def _count(self, kinds: tf.Tensor, number: int) -> tf.Tensor:
        """How often each kind of value comes in each array, (arrays, number)."""
        size = self._arrays * number
        with tf.device("CPU:0"):
            counts = tf.math.bincount(
                self._owners() * number + kinds, minlength=size, maxlength=size
            )
        return tf.reshape(counts, [self._arrays, number])
