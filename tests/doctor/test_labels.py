"""When labels are doubted, by a witness whose probabilities are exact."""

import numpy as np
import pytest
from scipy.special import softmax

from recipe.doctor.labels import contradicted, refuted
from recipe.doctor.reference import Reference


def witness(apart: float, flipped: float = 0.0, classes: int = 2) -> Reference:
    """Bayes's classifier of Gaussians that lie so far apart, and labels that were changed."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, classes, 2_000)
    x = rng.normal(size=(len(true), classes)) + apart * np.eye(classes)[true]
    shares = softmax(apart * x, axis=1)
    others = (true + rng.integers(1, classes, len(true))) % classes
    y = np.where(rng.random(len(true)) < flipped, others, true)
    said = shares.argmax(axis=1)
    skill = (float((said == y).mean()) - 1 / classes) / (1 - 1 / classes)
    return Reference(skill, "Bayes", said, shares, y)


@pytest.mark.parametrize(
    ("known", "doubted"),
    [
        pytest.param(witness(5), False, id="far apart"),
        pytest.param(witness(2), False, id="classes that overlap"),
        pytest.param(witness(1), False, id="classes that overlap much"),
        pytest.param(witness(0.1), False, id="a witness that knows nothing"),
        pytest.param(witness(5, 0.5), False, id="labels that have nothing to do with it"),
        pytest.param(witness(2, classes=5), False, id="five classes that overlap"),
        pytest.param(witness(5, 0.03), False, id="a few wrong labels, as every set has them"),
        pytest.param(witness(5, 0.15), True, id="many wrong labels"),
        pytest.param(witness(5, 0.15, 5), True, id="many wrong labels of five classes"),
    ],
)  # fmt: skip
def test_labels_are_doubted_where_clear_examples_contradict_them(known, doubted):
    assert bool([*contradicted(known)]) == doubted


def test_a_net_that_is_right_more_often_than_they_would_allow_refutes_the_doubt():
    (suspect,) = contradicted(witness(5, 0.15))
    assert refuted(suspect, 0.95)
    assert not refuted(suspect, 0.7)
    assert not refuted(suspect, float("nan"))
