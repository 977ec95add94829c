"""Examples that leak into others, and steps that see what they are to predict."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from recipe.doctor import diagnose
from recipe.doctor.dependencies import dependencies, examples_mixed
from recipe.doctor.flow import flow_of
from recipe.doctor.losses import heads_of
from recipe.doctor.subject import subject_of

layers, ops = keras.layers, keras.ops
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(40, 6)).astype(np.float32)
LABELS = RNG.integers(0, 3, 40)
WALK = RNG.integers(0, 9, (40, 10))
"""Tokens; what is asked for is the next, where it is asked for."""

Body = Callable[[Any], Any]


class Centred(layers.Layer):
    """Takes the mean of whatever is in the batch from each example."""

    def call(self, x: Any) -> Any:
        """In both modes."""
        return x - ops.mean(x, axis=0, keepdims=True)


def found(x: np.ndarray, y: np.ndarray, body: Body) -> tuple[list[str], list[str]]:
    """Codes of causes, and names of advice."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(x.shape[1:], dtype=str(x.dtype))
    model = keras.Model(inputs, body(inputs))
    model.compile("adam", "sparse_categorical_crossentropy")
    subject = subject_of(model, x, y)
    flow = flow_of(model, subject.probe())
    causes = [s.code for s in dependencies(subject, flow, heads_of(subject, flow))]
    return causes, [s.check for s in examples_mixed(subject, flow)]


def softmax(x: Any) -> Any:
    return layers.Dense(3, "softmax")(x)


@pytest.mark.parametrize(
    ("body", "causes", "advice"),
    [
        pytest.param(softmax, [], [], id="sound"),
        pytest.param(lambda x: softmax(layers.BatchNormalization()(x)), [], [], id="batch norm"),
        pytest.param(
            lambda x: layers.Softmax(axis=0)(layers.Dense(3)(x)),
            ["wrong_output_activation"], [], id="softmax over the batch",
        ),
        pytest.param(lambda x: softmax(Centred()(x)), [], ["examples_apart"], id="centred"),
    ],
)  # fmt: skip
def test_an_example_that_leaks_into_another_is_found(
    body: Body, causes: list[str], advice: list[str]
) -> None:
    assert found(ROWS, LABELS, body) == (causes, advice)


def language(x: Any, middle: Body) -> Any:
    return layers.Dense(9, "softmax")(middle(layers.Embedding(9, 4)(x)))


@pytest.mark.parametrize(
    ("middle", "looks_ahead"),
    [
        pytest.param(lambda x: layers.Conv1D(4, 3, padding="causal")(x), False, id="causal"),
        pytest.param(lambda x: layers.Conv1D(4, 3, padding="same")(x), True, id="both ways"),
        pytest.param(lambda x: layers.MultiHeadAttention(1, 4)(x, x), True, id="no mask"),
    ],
)  # fmt: skip
def test_who_predicts_the_next_token_must_not_see_it(middle: Body, looks_ahead: bool) -> None:
    x, y = WALK[:, :-1], WALK[:, 1:]
    causes, advice = found(x, y, lambda x: language(x, middle))
    assert causes == (["label_leakage"] if looks_ahead else [])
    assert advice == []


def test_who_is_asked_for_something_else_may_look_ahead() -> None:
    x = WALK[:, :-1]
    middle = layers.Conv1D(4, 3, padding="same")
    assert found(x, (x + 1) % 9, lambda x: language(x, middle)) == ([], [])


def test_advice_without_a_code_is_told_and_is_no_cause() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), Centred(), layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    diagnosis = diagnose(model, ROWS, LABELS, epochs=1, budget_s=0.0)
    (told,) = [f for f in diagnosis.findings if f.check == "examples_apart"]
    assert (told.code, told.severity) == (None, "advice")
    assert "examples_apart" in str(diagnosis)
    assert None not in diagnosis.causes | diagnosis.advice
