"""Cross-entropies against smoothed labels, from logits and class positions.

Keras smooths one-hot labels only; these take the positions that a Dataset holds. A label becomes
1 - s for its class plus s shared by all classes (Szegedy et al. 2016, section 7).
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class Smoothed(keras.losses.Loss):
    """What both have in common: the amount, which a trace may hold in a variable."""

    def __init__(self, label_smoothing: float, name: str = "smoothed", **kwargs: Any) -> None:
        # a fixed name: Keras would count on from net to net
        super().__init__(name=name, **kwargs)
        self.label_smoothing = label_smoothing
        self.amount: float | tf.Variable = label_smoothing

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to make it again."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


def is_shares(y_true: Any) -> bool:
    """Whether multiclass labels are shares of all classes: there are two at least."""
    return len(y_true.shape) > 1 and y_true.shape[-1] > 1


@keras.saving.register_keras_serializable("recipe")
class SmoothedMulticlass(Smoothed):
    """Softmax cross-entropy from logits (batch, classes).

    Labels are positions (batch, 1) or (batch,), or, where examples are mixed, shares (batch,
    classes).
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Nats, (batch,)."""
        smoothing = tf.cast(self.amount, y_pred.dtype)
        log_p = tf.nn.log_softmax(y_pred)
        if is_shares(y_true):
            given = tf.reduce_sum(tf.cast(y_true, log_p.dtype) * log_p, axis=-1)
        else:
            labels = tf.cast(tf.reshape(y_true, (-1,)), tf.int32)
            given = tf.gather(log_p, labels, batch_dims=1)
        return -((1 - smoothing) * given + smoothing * tf.reduce_mean(log_p, axis=-1))


@keras.saving.register_keras_serializable("recipe")
class SmoothedBinary(Smoothed):
    """Sigmoid cross-entropy; labels (batch, 1) or (batch,) of 0 and 1, logits (batch, 1)."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Nats, (batch,)."""
        smoothing = tf.cast(self.amount, y_pred.dtype)
        labels = tf.cast(tf.reshape(y_true, tf.shape(y_pred)), y_pred.dtype)
        labels = labels * (1 - smoothing) + smoothing / 2
        return tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=y_pred), axis=-1
        )


@keras.saving.register_keras_serializable("recipe")
class MixedAccuracy(keras.metrics.Mean):
    """Share of labels that are predicted; of mixed ones, those with the larger share.

    Args:
        is_multiclass: labels are as `SmoothedMulticlass` takes them, else as `SmoothedBinary`.
    """

    def __init__(self, is_multiclass: bool, name: str = "accuracy", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.is_multiclass = is_multiclass

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to make it again."""
        return {**super().get_config(), "is_multiclass": self.is_multiclass}

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        if not self.is_multiclass:
            # not mixed they are whole numbers
            given = tf.cast(tf.reshape(y_true, tf.shape(y_pred)), tf.float32) > 0.5
            right = tf.reduce_mean(tf.cast(given == (y_pred > 0), tf.float32), axis=-1)
            super().update_state(right, sample_weight)
            return
        if is_shares(y_true):
            labels = tf.argmax(y_true, axis=-1, output_type=tf.int32)
        else:
            labels = tf.cast(tf.reshape(y_true, (-1,)), tf.int32)
        predicted = tf.argmax(y_pred, axis=-1, output_type=tf.int32)
        super().update_state(tf.cast(predicted == labels, tf.float32), sample_weight)
