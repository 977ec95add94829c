"""Optimizers, penalties, clipping, averages and weighted losses against the papers' formulas.

Formulas are in the papers' own form, not in Keras's. Sources: Polyak 1964 (momentum), Sutskever
et al. 2013 (Nesterov), Hinton's lecture 6e, 2012 (RMSprop), Kingma & Ba 2015 (Adam), Loshchilov &
Hutter 2019 (AdamW), Szegedy et al. 2016 (label smoothing), King & Zeng 2001 (class weights).
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from recipe.config import Task
from recipe.training import new_model
from recipe.training.compile import optimizer
from recipe.training.losses import SmoothedBinary, SmoothedMulticlass
from recipe.training.objective import example_weights
from tests.training.tiny import config, dataset

Arrays = list[np.ndarray]
Gradient = Callable[[Arrays], Arrays]
STEPS = 10
RATE, DECAY = 1 / 16, 1 / 4
PRECISIONS = pytest.mark.parametrize(("dtype", "relative"), [("float64", 1e-10), ("float32", 1e-5)])


def held(number: float) -> float:
    """As Keras holds rate, decay, momentum and betas, whatever the weights' dtype: in float32."""
    return float(np.float32(number))


def made(name: str, rate: float = RATE, decay: float = 0.0, **given: Any) -> Any:
    """The optimizer of a config."""
    chosen = {"class_name": name, "config": given}
    return optimizer(
        config(train__optimizer=chosen, train__learning_rate=rate, train__weight_decay=decay),
        steps=STEPS,
    )


def keras_path(optimizer: Any, weights: Arrays, gradient: Gradient, dtype: str = "float64") -> Any:
    """Weights after each of ten steps."""
    variables = [keras.Variable(weight, dtype=dtype) for weight in weights]
    path = []
    for _ in range(STEPS):
        found = gradient([variable.numpy().astype(float) for variable in variables])
        optimizer.apply([tf.constant(g, dtype) for g in found], variables)
        path.append([variable.numpy() for variable in variables])
    return path


def agree(path: list[Arrays], other: list[Arrays], relative: float = 1e-10) -> None:
    """To the tolerance, relative to how far the weights are from zero and how far they went."""
    assert len(path) == len(other) == STEPS
    for step, (got, expected) in enumerate(zip(path, other, strict=True)):
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(
                a, b, rtol=0, atol=relative * np.abs(b).max(), err_msg=f"step {step + 1}"
            )


def apart(path: list[Arrays], other: list[Arrays]) -> float:
    """The largest difference of a weight after the last step, relative to the largest weight."""
    pairs = list(zip(path[-1], other[-1], strict=True))
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)


# ------------------------------------------------------------------------------- the problems


class Quadratic:
    """(w - best)' A (w - best) / 2, ill-conditioned, in two variables."""

    A = np.diag([4.0, 1.0, 0.1, 2.0]) + 0.05
    best = np.array([1.0, -2.0, 3.0, 0.5])
    start = [np.array([5.0, 4.0]), np.array([-3.0, 0.1])]

    def __call__(self, weights: Arrays) -> Arrays:
        return np.split(self.A @ (np.concatenate(weights) - self.best), 2)


class SmallNet:
    """Mean squared error of tanh(x W + b) V + c, its gradient by hand."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.x, self.y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
        shapes = ((3, 4), (4,), (4, 2), (2,))
        self.start = [rng.normal(size=shape) for shape in shapes]

    def __call__(self, weights: Arrays) -> Arrays:
        kernel, bias, head, head_bias = weights
        hidden = np.tanh(self.x @ kernel + bias)
        of_output = 2 * (hidden @ head + head_bias - self.y) / self.y.size
        of_hidden = (of_output @ head.T) * (1 - hidden**2)
        return [self.x.T @ of_hidden, of_hidden.sum(0), hidden.T @ of_output, of_output.sum(0)]


PROBLEMS = pytest.mark.parametrize("problem", [Quadratic(), SmallNet()], ids=["quadratic", "net"])


def test_the_small_nets_gradient_is_tensorflows() -> None:
    net = SmallNet()
    layers = [
        keras.layers.Dense(4, "tanh", dtype="float64"),
        keras.layers.Dense(2, dtype="float64"),
    ]
    model = keras.Sequential(layers)
    model.build((None, 3))
    model.set_weights(net.start)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(net.x) - net.y) ** 2)
    found = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    for got, expected in zip(found, net(net.start), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-10)


# ------------------------------------------------------------------------------- the formulas


def sgd(weights: Arrays, gradient: Gradient, decay: float = 0.0) -> list[Arrays]:
    """w - rate g, and rate decay w with it."""
    path = []
    for _ in range(STEPS):
        found = gradient(weights)
        weights = [w - RATE * g - RATE * decay * w for w, g in zip(weights, found, strict=True)]
        path.append(weights)
    return path


def heavy_ball(weights: Arrays, gradient: Gradient, momentum: float) -> list[Arrays]:
    """w_next = w - rate g + momentum (w - w_before)."""
    path, before = [], weights
    for _ in range(STEPS):
        found = gradient(weights)
        following = [
            w - RATE * g + momentum * (w - b)
            for w, g, b in zip(weights, found, before, strict=True)
        ]
        before, weights = weights, following
        path.append(weights)
    return path


def nesterov(weights: Arrays, gradient: Gradient, momentum: float) -> list[Arrays]:
    """v = momentum v - rate g(w + momentum v); w = w + v. Keras's weights are the looked-ahead."""
    path, velocity = [], [np.zeros_like(w) for w in weights]
    for _ in range(STEPS):
        ahead = [w + momentum * v for w, v in zip(weights, velocity, strict=True)]
        found = gradient(ahead)
        velocity = [momentum * v - RATE * g for v, g in zip(velocity, found, strict=True)]
        weights = [w + v for w, v in zip(weights, velocity, strict=True)]
        path.append([w + momentum * v for w, v in zip(weights, velocity, strict=True)])
    return path


def rmsprop(
    weights: Arrays, gradient: Gradient, rho: float = 0.9, inside: float = 1e-7, outside: float = 0
) -> list[Arrays]:
    """v = rho v + (1 - rho) g²; w - rate g / (sqrt(v + inside) + outside)."""
    path, v = [], [np.zeros_like(w) for w in weights]
    for _ in range(STEPS):
        found = gradient(weights)
        v = [rho * s + (1 - rho) * g**2 for s, g in zip(v, found, strict=True)]
        weights = [
            w - RATE * g / (np.sqrt(s + inside) + outside)
            for w, g, s in zip(weights, found, v, strict=True)
        ]
        path.append(weights)
    return path


def adam(
    weights: Arrays,
    gradient: Gradient,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-7,
    epsilon_hat: bool = True,
    correct: bool = True,
    decay: float = 0.0,
    hold: Callable[[float], float] = held,
) -> list[Arrays]:
    """Algorithm 1 of the paper. `epsilon_hat`: epsilon is divided by sqrt(1 - beta_2^t), which is
    the other form at the end of its section 2. Decay is decoupled, and times the rate.
    """
    (one, two), path = betas, []
    m, v = ([np.zeros_like(w) for w in weights] for _ in range(2))
    for t in range(1, STEPS + 1):
        found = gradient(weights)
        m = [one * a + (1 - one) * g for a, g in zip(m, found, strict=True)]
        v = [two * a + (1 - two) * g**2 for a, g in zip(v, found, strict=True)]
        left, left_of_v = (hold(one) ** t, hold(two) ** t) if correct else (0.0, 0.0)
        small = epsilon / np.sqrt(1 - left_of_v) if epsilon_hat else epsilon
        weights = [
            w - RATE * (a / (1 - left)) / (np.sqrt(b / (1 - left_of_v)) + small) - RATE * decay * w
            for w, a, b in zip(weights, m, v, strict=True)
        ]
        path.append(weights)
    return path


# --------------------------------------------------------------------------------- ten steps


@PROBLEMS
@PRECISIONS
@pytest.mark.parametrize(
    ("name", "given", "decay", "formula"),
    [
        pytest.param("SGD", {}, 0.0, sgd, id="SGD"),
        pytest.param("SGD", {}, DECAY, lambda w, g: sgd(w, g, DECAY), id="SGD with decay"),
        pytest.param("SGD", {"momentum": 0.9}, 0.0, lambda w, g: heavy_ball(w, g, held(0.9)),
                     id="momentum"),
        pytest.param("SGD", {"momentum": 0.9, "nesterov": True}, 0.0,
                     lambda w, g: nesterov(w, g, held(0.9)), id="Nesterov"),
        pytest.param("RMSprop", {}, 0.0, rmsprop, id="RMSprop"),
        pytest.param("RMSprop", {"rho": 0.5, "epsilon": 1e-2}, 0.0,
                     lambda w, g: rmsprop(w, g, 0.5, 1e-2), id="RMSprop with arguments"),
        pytest.param("Adam", {}, 0.0, adam, id="Adam"),
        pytest.param("Adam", {"beta_1": 0.5, "beta_2": 0.75, "epsilon": 1e-2}, 0.0,
                     lambda w, g: adam(w, g, (0.5, 0.75), 1e-2), id="Adam with arguments"),
        pytest.param("AdamW", {}, DECAY, lambda w, g: adam(w, g, decay=DECAY), id="AdamW"),
    ],
)  # fmt: skip
def test_ten_steps_follow_the_paper(
    name: str, given: Any, decay: float, formula: Any, dtype: str, relative: float, problem: Any
) -> None:
    path = keras_path(made(name, decay=decay, **given), problem.start, problem, dtype)
    agree(path, formula(problem.start, problem), relative)
    assert apart(path, [problem.start] * STEPS) > 0.01


@PROBLEMS
def test_the_formulas_tell_each_other_apart(problem: Any) -> None:
    """Else agreement would say little."""
    paths = [sgd(problem.start, problem), heavy_ball(problem.start, problem, 0.9),
             nesterov(problem.start, problem, 0.9), rmsprop(problem.start, problem),
             adam(problem.start, problem), adam(problem.start, problem, decay=DECAY)]  # fmt: skip
    for k, path in enumerate(paths):
        assert all(apart(path, other) > 1e-3 for other in paths[:k])


@pytest.mark.parametrize(
    ("name", "given", "exact", "as_held"),
    [
        pytest.param("SGD", {"momentum": 0.9}, lambda w, g: heavy_ball(w, g, 0.9),
                     lambda w, g: heavy_ball(w, g, held(0.9)), id="momentum 0.9"),
        pytest.param("Adam", {}, lambda w, g: adam(w, g, hold=float), adam,
                     id="Adam's betas, where it corrects the bias"),
    ],
)  # fmt: skip
def test_keras_holds_its_numbers_in_float32_even_for_float64_weights(
    name: str, given: Any, exact: Any, as_held: Any
) -> None:
    """0.999 becomes 0.9990000129, so 1 - beta_2 is 1.3e-5 too small, and Adam's first step 6e-6."""
    problem = Quadratic()
    path = keras_path(made(name, **given), problem.start, problem)
    assert apart(path, as_held(problem.start, problem)) < 1e-10
    assert 1e-9 < apart(path, exact(problem.start, problem)) < 1e-4


def test_the_learning_rate_is_held_in_float32() -> None:
    weight = keras.Variable([0.0], dtype="float64")
    made("SGD", rate=0.1).apply([tf.constant([1.0], "float64")], [weight])
    assert float(weight.numpy()[0]) == -held(0.1) != -0.1


# ----------------------------------------------------------------------- momentum and scales


def steps_under(optimizer: Any, gradients: list[float]) -> np.ndarray:
    """How far one weight that starts at 0 goes in each step, given its gradients."""
    weight, path = keras.Variable([0.0], dtype="float64"), [0.0]
    for gradient in gradients:
        optimizer.apply([tf.constant([gradient], "float64")], [weight])
        path.append(float(weight.numpy()[0]))
    return -np.diff(path)


@pytest.mark.parametrize("is_nesterov", [False, True], ids=["plain", "Nesterov"])
def test_momentum_0_9_makes_the_rate_ten_times_larger_in_the_end(is_nesterov: bool) -> None:
    """Keras adds whole gradients up: a constant one moves by rate / (1 - momentum).

    In the form that averages, (1 - momentum) g, it would be the rate itself.
    """
    steps = steps_under(made("SGD", momentum=0.9, nesterov=is_nesterov), [1.0] * 300)
    beta = held(0.9)
    t = np.arange(1, 301) + is_nesterov
    np.testing.assert_allclose(steps, RATE * (1 - beta**t) / (1 - beta), rtol=1e-10)
    assert steps[-1] / RATE == pytest.approx(10, rel=1e-6)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e6])
def test_adams_first_step_is_the_rate_whatever_the_gradient(size: float) -> None:
    """Uncorrected it would be (1 - 0.9) / sqrt(1 - 0.999) = 3.16 times as long."""
    (step,) = steps_under(made("Adam", epsilon=1e-12), [size])
    assert step / RATE == pytest.approx(1, rel=1e-5)
    uncorrected = adam([np.zeros(1)], lambda w: [np.array([size])], epsilon=1e-12, correct=False)
    assert -uncorrected[0][0][0] / RATE == pytest.approx(0.1 / np.sqrt(0.001), rel=1e-6)


@PROBLEMS
def test_without_bias_correction_ten_steps_of_adam_end_elsewhere(problem: Any) -> None:
    path = keras_path(made("Adam"), problem.start, problem)
    assert apart(path, adam(problem.start, problem)) < 1e-10
    assert apart(path, adam(problem.start, problem, correct=False)) > 0.1


def test_adams_epsilon_is_the_papers_epsilon_hat() -> None:
    """Added to sqrt(v) before v is corrected: at the first step it weighs 32 times as much.

    A gradient of 1e-8 and an epsilon of 1e-7: 0.3 % of the rate, in algorithm 1 9 %.
    """
    given = [np.zeros(1)], lambda w: [np.array([1e-8])]
    steps = steps_under(made("Adam"), [1e-8] * STEPS)
    np.testing.assert_allclose(-np.cumsum(steps), np.ravel(adam(*given)), rtol=1e-10)
    first_of_algorithm_1 = -adam(*given, epsilon_hat=False)[0][0][0]
    assert steps[0] / RATE == pytest.approx(0.00315, rel=0.01)
    assert first_of_algorithm_1 / RATE == pytest.approx(1e-8 / (1e-8 + 1e-7), rel=1e-4)


def test_rmsprops_epsilon_stands_inside_the_root() -> None:
    """So that of 1e-7 is one of 3.2e-4 outside, where Adam's stands: it halts small gradients.

    A gradient of 1e-5: 3.2 % of the rate; with epsilon outside the root 306 %.
    """
    given = [np.zeros(1)], lambda w: [np.array([1e-5])]
    steps = steps_under(made("RMSprop"), [1e-5] * STEPS)
    np.testing.assert_allclose(-np.cumsum(steps), np.ravel(rmsprop(*given)), rtol=1e-10)
    outside = rmsprop(*given, inside=0, outside=1e-7)
    assert steps[0] / RATE == pytest.approx(0.0316, rel=0.01)
    assert -outside[0][0][0] / RATE == pytest.approx(3.06, rel=0.01)


def test_rmsprop_takes_squares_and_has_no_momentum_of_its_own() -> None:
    """One state a weight, v, of squared gradients; Adam has two. Its rate counts like any other."""
    for name, states in (("RMSprop", 1), ("Adam", 2), ("SGD", 0)):
        found = made(name)
        steps_under(found, [3.0])
        assert len(found.variables) - 2 == states  # the others: iterations and the rate
    found = made("RMSprop")
    steps = steps_under(found, [3.0, -3.0])
    assert float(found.variables[2].numpy()[0]) == pytest.approx((0.09 + 0.1) * 9, rel=1e-10)
    np.testing.assert_allclose(steps_under(made("RMSprop", rate=2 * RATE), [3.0, -3.0]), 2 * steps)


# --------------------------------------------------------------------------- L2 and decay

LAMBDA = 1 / 8


def with_penalty(problem: Any) -> Gradient:
    """Of the loss plus `model.l2` times the sum of squares, as Keras's regularizer has it."""
    penalty = keras.regularizers.L2(LAMBDA)

    def gradient(weights: Arrays) -> Arrays:
        given = [tf.constant(weight) for weight in weights]
        with tf.GradientTape() as tape:
            tape.watch(given)
            total = tf.add_n([penalty(weight) for weight in given])
        pulls = tape.gradient(total, given)
        return [g + p.numpy() for g, p in zip(problem(weights), pulls, strict=True)]

    return gradient


@PROBLEMS
def test_an_l2_penalty_pulls_by_twice_its_factor(problem: Any) -> None:
    """Keras's has no 1/2: the gradient of l2 w² is 2 l2 w."""
    with_l2 = with_penalty(problem)(problem.start)
    for got, plain, weight in zip(with_l2, problem(problem.start), problem.start, strict=True):
        np.testing.assert_allclose(got - plain, 2 * LAMBDA * weight, rtol=1e-10, atol=1e-14)


@PROBLEMS
@pytest.mark.parametrize(
    ("name", "given", "are_equal"),
    [
        pytest.param("SGD", {}, True, id="SGD: the same"),
        pytest.param("SGD", {"momentum": 0.9}, False, id="momentum: not the same"),
        pytest.param("RMSprop", {}, False, id="RMSprop: not the same"),
        pytest.param("Adam", {}, False, id="Adam: not the same"),
    ],
)
def test_an_l2_penalty_against_a_decay_of_twice_its_factor(
    name: str, given: Any, are_equal: bool, problem: Any
) -> None:
    l2 = keras_path(made(name, **given), problem.start, with_penalty(problem))
    decay = keras_path(made(name, decay=2 * LAMBDA, **given), problem.start, problem)
    if are_equal:
        agree(l2, decay)
    else:
        assert apart(l2, decay) > 0.01


def test_adam_makes_the_size_of_an_l2_penalty_meaningless() -> None:
    """With no other gradient each weight shrinks by the rate, be the penalty 1e-3 or 1; decay
    shrinks each by its share (Loshchilov & Hutter 2019, section 2).
    """
    weights = [np.array([1.0, 2.0, 4.0])]
    for penalty in (1e-3, 1.0):
        path = keras_path(made("Adam", epsilon=1e-15), weights, lambda w, p=penalty: [2 * p * w[0]])
        np.testing.assert_allclose(weights[0] - path[0][0], RATE, rtol=1e-4)
    for decay in (1e-3, 1.0):
        path = keras_path(made("Adam", decay=decay), weights, lambda w: [np.zeros(3)])
        expected = weights[0] * (1 - RATE * held(decay)) ** STEPS
        np.testing.assert_allclose(path[-1][0], expected, rtol=1e-10)


def test_the_rate_times_the_decay_is_the_share_lost_in_a_step() -> None:
    """AdamW's paper has the decay alone: Keras's is times the rate, so it follows schedules."""
    for rate in (1 / 16, 1 / 4):
        weight = keras.Variable([8.0], dtype="float64")
        made("AdamW", rate=rate, decay=0.5).apply([tf.constant([0.0], "float64")], [weight])
        assert float(weight.numpy()[0]) == 8 * (1 - rate * 0.5)


# -------------------------------------------------------------------------------- clipping

GRADIENTS = [np.array([[3.0, -4.0]]), np.array([0.3, 0.4, 0.0])]
"""Of norms 5 and 0.5, together sqrt(25.25)."""

GLOBAL = np.sqrt(25.25)


@pytest.mark.parametrize(
    ("given", "factors"),
    [
        pytest.param({"clipnorm": 1.0}, (1 / 5, 1.0), id="clipnorm: each weight by its own norm"),
        pytest.param({"clipnorm": 0.25}, (0.25 / 5, 0.25 / 0.5), id="clipnorm below both"),
        pytest.param({"clipnorm": 6.0}, (1.0, 1.0), id="clipnorm above both"),
        pytest.param({"global_clipnorm": 1.0}, (1 / GLOBAL, 1 / GLOBAL),
                     id="global_clipnorm: all by the norm of all"),
        pytest.param({"global_clipnorm": 5.01}, (5.01 / GLOBAL, 5.01 / GLOBAL),
                     id="global_clipnorm above each and below all"),
        pytest.param({"global_clipnorm": 6.0}, (1.0, 1.0), id="global_clipnorm above all"),
        pytest.param({"clipvalue": 3.5}, (np.array([[1.0, 3.5 / 4]]), 1.0),
                     id="clipvalue: each number, so the direction changes"),
        pytest.param({"clipvalue": 0.35}, (np.array([[0.35 / 3, 0.35 / 4]]),
                                           np.array([1.0, 0.35 / 0.4, 1.0])), id="clipvalue below"),
    ],
)  # fmt: skip
@PRECISIONS
def test_clipping(given: Any, factors: Any, dtype: str, relative: float) -> None:
    variables = [keras.Variable(np.zeros_like(g), dtype=dtype) for g in GRADIENTS]
    made("SGD", rate=1.0, **given).apply([tf.constant(g, dtype) for g in GRADIENTS], variables)
    for variable, gradient, factor in zip(variables, GRADIENTS, factors, strict=True):
        np.testing.assert_allclose(variable.numpy(), -factor * gradient, rtol=relative)


@pytest.mark.parametrize("kind", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_clipping_leaves_the_decay_alone(kind: str) -> None:
    weight = keras.Variable([100.0], dtype="float64")
    made("SGD", decay=0.5, **{kind: 1.0}).apply([tf.constant([7.0], "float64")], [weight])
    assert float(weight.numpy()[0]) == pytest.approx(100 - RATE * 50 - RATE * 1, rel=1e-10)


@pytest.mark.parametrize(
    ("kind", "are_numbers"),
    [
        pytest.param("clipnorm", [False, True], id="clipnorm: that weight is lost"),
        pytest.param("global_clipnorm", [False, False], id="global_clipnorm: all weights are lost"),
        pytest.param("clipvalue", [True, True], id="clipvalue: none is lost"),
    ],
)
def test_clipping_a_gradient_that_is_infinite(kind: str, are_numbers: list[bool]) -> None:
    """Clipping by a norm is no guard against overflow: infinity over infinity is NaN."""
    variables = [keras.Variable([1.0], dtype="float64") for _ in range(2)]
    gradients = [tf.constant([value], "float64") for value in (np.inf, 1.0)]
    made("SGD", **{kind: 1.0}).apply(gradients, variables)
    assert [bool(np.isfinite(variable.numpy()[0])) for variable in variables] == are_numbers


@pytest.mark.parametrize("kind", ["clipnorm", "global_clipnorm"])
def test_adam_hardly_notices_a_norm_that_is_always_clipped(kind: str) -> None:
    """It divides by the gradient's size, so a tenth of every gradient makes the same steps."""
    constant = [100.0] * STEPS
    clipped = steps_under(made("Adam", **{kind: 10.0}), constant)
    np.testing.assert_allclose(clipped, steps_under(made("Adam"), constant), rtol=1e-4)
    sgd_clipped = steps_under(made("SGD", **{kind: 10.0}), constant)
    np.testing.assert_allclose(sgd_clipped, steps_under(made("SGD"), constant) / 10, rtol=1e-10)


# --------------------------------------------------------------------- averages of weights


@PROBLEMS
@pytest.mark.parametrize("momentum", [0.5, 0.99])
def test_the_average_of_weights(momentum: float, problem: Any) -> None:
    """It begins with the weights after the first step, so there is no bias to correct."""
    asked = config(train__optimizer="sgd", train__learning_rate=RATE, train__ema=momentum)
    found = optimizer(asked, steps=STEPS)
    variables = [keras.Variable(weight, dtype="float64") for weight in problem.start]
    average: Arrays = []
    for weights in sgd(problem.start, problem):
        found.apply([tf.constant(g) for g in problem([v.numpy() for v in variables])], variables)
        average = [
            momentum * a + (1 - momentum) * w
            for a, w in zip(average or weights, weights, strict=True)
        ]
        for variable, weight in zip(variables, weights, strict=True):
            np.testing.assert_allclose(variable.numpy(), weight, rtol=1e-10, atol=1e-14)
    found.finalize_variable_values(variables)
    for variable, expected in zip(variables, average, strict=True):
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-10, atol=1e-14)
    assert apart([average], [weights]) > 0.01


# ------------------------------------------------------------------- weights and smoothing


@pytest.mark.parametrize("labels", [[0] * 6 + [1] * 3 + [2] * 2, [0] * 9 + [1] * 2])
def test_balanced_class_weights_equal_repeating_the_rare_classes(labels: list[int]) -> None:
    """Loss and gradients, in float32; and the weights' mean is 1."""
    task = Task.MULTICLASS if max(labels) == 2 else Task.BINARY
    data = dataset(task, train=len(labels), y=labels)
    weights = example_weights(config(train__class_weight="balanced"), data)
    assert weights is not None
    assert weights.mean() == pytest.approx(1, rel=1e-6)
    counts = np.bincount(labels)
    repeats = np.lcm.reduce(counts) // counts[labels]
    model = new_model(config(), data, 0)

    def loss_and_gradients(x: np.ndarray, y: np.ndarray, weight: Any) -> list[Any]:
        with tf.GradientTape() as tape:
            loss = model.loss(y[:, None], model(x), sample_weight=weight)
        found = tape.gradient(loss, [variable.value for variable in model.trainable_weights])
        return [loss.numpy(), *(gradient.numpy() for gradient in found)]

    x, y = data.train.x, data.train.y
    balanced = loss_and_gradients(x, y, weights)
    repeated = loss_and_gradients(np.repeat(x, repeats, 0), np.repeat(y, repeats), None)
    for got, expected in zip(balanced, repeated, strict=True):
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    plain = loss_and_gradients(x, y, None)
    assert abs(plain[0] - balanced[0]) > 1e-3


LOGITS = np.random.default_rng(0).normal(0, 3, (30, 4))
LABELS = np.random.default_rng(1).integers(0, 4, (30, 1))


def smoothed(smoothing: float, classes: int) -> np.ndarray:
    """1 - s for the label's own class, and s / classes for every class."""
    smoothing = held(smoothing)
    return (1 - smoothing) * np.eye(classes)[LABELS[:, 0] % classes] + smoothing / classes


def loss_and_gradient(loss: Any, y: np.ndarray, logits: np.ndarray) -> tuple[float, np.ndarray]:
    given = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = loss(y, given)
    return float(value), tape.gradient(value, given).numpy()


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_label_smoothing_of_several_classes(smoothing: float) -> None:
    """Cross-entropy with smoothed labels q: -sum q log p, and its gradient (p - q) / batch."""
    loss = SmoothedMulticlass(smoothing, dtype="float64")
    value, gradient = loss_and_gradient(loss, LABELS, LOGITS)
    q, log_p = smoothed(smoothing, 4), special.log_softmax(LOGITS, axis=1)
    assert value == pytest.approx(-(q * log_p).sum(1).mean(), rel=1e-10)
    np.testing.assert_allclose(gradient, (np.exp(log_p) - q) / 30, atol=1e-12)


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_label_smoothing_of_two_classes(smoothing: float) -> None:
    """Labels of 0 and 1 become s/2 and 1 - s/2."""
    loss, logits = SmoothedBinary(smoothing, dtype="float64"), LOGITS[:, :1]
    value, gradient = loss_and_gradient(loss, LABELS % 2, logits)
    q, p = smoothed(smoothing, 2)[:, 1:], special.expit(logits)
    assert value == pytest.approx(-(q * np.log(p) + (1 - q) * np.log1p(-p)).mean(), rel=1e-10)
    np.testing.assert_allclose(gradient, (p - q) / 30, atol=1e-12)


def test_a_smoothed_loss_cannot_fall_below_the_entropy_of_its_labels() -> None:
    """Reached where p = q; without smoothing the floor is 0."""
    q = smoothed(0.1, 4)
    value, gradient = loss_and_gradient(SmoothedMulticlass(0.1, dtype="float64"), LABELS, np.log(q))
    assert value == pytest.approx(-(q * np.log(q)).sum(1).mean(), rel=1e-10)
    assert value == pytest.approx(0.3488, abs=1e-4)
    assert np.abs(gradient).max() < 1e-12
