"""Cross-entropies against smoothed labels, next to Keras's own on one-hot labels."""

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.config import RequestError, Task
from recipe.training import new_model
from recipe.training.losses import MixedAccuracy, Smoothed, SmoothedBinary, SmoothedMulticlass
from tests.training.tiny import config, dataset

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 3, (50, 4)).astype(np.float32)
LABELS = RNG.integers(0, 4, (50, 1)).astype(np.int32)
KINDS = pytest.mark.parametrize("kind", [SmoothedMulticlass, SmoothedBinary])


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_of_several_classes(smoothing: float) -> None:
    keras_own = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    expected = float(keras_own(np.eye(4, dtype=np.float32)[LABELS[:, 0]], LOGITS))
    assert float(SmoothedMulticlass(smoothing)(LABELS, LOGITS)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_of_two_classes(smoothing: float) -> None:
    keras_own = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing)
    y, logits = LABELS % 2, LOGITS[:, :1]
    assert float(SmoothedBinary(smoothing)(y, logits)) == pytest.approx(
        float(keras_own(y, logits)), rel=1e-6
    )


@KINDS
def test_labels_may_stand_in_a_row_or_in_a_column(kind: Callable[[float], Smoothed]) -> None:
    """`fit` has columns, what looks at a net hands over the Dataset's row."""
    is_multiclass = kind is SmoothedMulticlass
    labels, logits = (LABELS, LOGITS) if is_multiclass else (LABELS % 2, LOGITS[:, :1])
    row, column = (float(kind(0.1)(y, logits)) for y in (labels[:, 0], labels))
    assert row == pytest.approx(column, rel=1e-6)
    accuracies = []
    for y in (labels[:, 0], labels):
        metric = MixedAccuracy(is_multiclass)
        metric.update_state(tf.constant(y), tf.constant(logits))
        accuracies.append(float(metric.result()))
    chosen = LOGITS.argmax(axis=1) if is_multiclass else LOGITS[:, 0] > 0
    assert accuracies == pytest.approx([float((chosen == labels[:, 0]).mean())] * 2)


@KINDS
def test_weights_of_examples_count(kind: Callable[[float], Smoothed]) -> None:
    """Class weights and smoothing go together."""
    logits = LOGITS[:, :1] if kind is SmoothedBinary else LOGITS
    y, weights = LABELS % 2, RNG.uniform(size=50).astype(np.float32)
    each = [float(kind(0.2)(y[k : k + 1], logits[k : k + 1])) for k in range(50)]
    whole = float(kind(0.2)(y, logits, sample_weight=weights))
    assert whole == pytest.approx(np.mean(each * weights), rel=1e-5)


@KINDS
def test_a_graph_follows_the_amount(kind: Callable[[float], Smoothed]) -> None:
    logits, y = LOGITS[:, :1] if kind is SmoothedBinary else LOGITS, LABELS % 2
    loss, variable = kind(0.3), tf.Variable(0.0, dtype=tf.float64)
    loss.amount = variable
    compiled = tf.function(lambda: loss(y, logits))
    for value in (0.0, 0.4):
        variable.assign(value)
        assert float(compiled()) == float(tf.function(lambda v=value: kind(v)(y, logits))())


@KINDS
def test_keras_can_write_it_down(kind: Callable[[float], Smoothed]) -> None:
    written = keras.saving.serialize_keras_object(kind(0.25))
    read = keras.saving.deserialize_keras_object(written)
    assert type(read) is kind
    assert (read.label_smoothing, read.amount, read.name) == (0.25, 0.25, "smoothed")


@pytest.mark.parametrize(
    ("task", "smoothing", "kind"),
    [
        (Task.MULTICLASS, 0.1, SmoothedMulticlass),
        (Task.MULTICLASS, 0.0, keras.losses.SparseCategoricalCrossentropy),
        (Task.BINARY, 0.1, SmoothedBinary),
        (Task.BINARY, 0.0, keras.losses.BinaryCrossentropy),
        (Task.REGRESSION, 0.0, keras.losses.MeanSquaredError),
    ],
)
def test_the_config_decides(task: Task, smoothing: float, kind: type) -> None:
    model = new_model(config(train__label_smoothing=smoothing), dataset(task), 0)
    assert type(model.loss) is kind


def test_a_number_has_no_label_to_smooth() -> None:
    with pytest.raises(RequestError) as caught:
        new_model(config(train__label_smoothing=0.1), dataset(Task.REGRESSION), 0)
    said = "train.label_smoothing: a regression has no labels; write 0.0"
    assert str(caught.value) == said


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.MULTILABEL], ids=str)
def test_classes_have_the_loss_of_their_task(task: Task) -> None:
    with pytest.raises(RequestError) as caught:
        new_model(config(train__loss="huber"), dataset(task), 0)
    said = f"train.loss: huber is for a regression, and this target is {task.value}; write auto"
    assert str(caught.value) == said
