"""A repair is the trial's change in a copy: the same numbers, the same raw examples, no trace."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipe.config import RequestError
from recipe.doctor.amounts import enough
from recipe.doctor.chain import Chain
from recipe.doctor.change import UNCHANGED, Change, moments, quicken
from recipe.doctor.flow import flow_of
from recipe.doctor.head import Head
from recipe.doctor.losses import heads_of
from recipe.doctor.mend import MENDS
from recipe.doctor.outcome import Outcome
from recipe.doctor.rebuild import Refused
from recipe.doctor.repair import Repair
from recipe.doctor.right import Right, right
from recipe.doctor.subject import subject_of
from recipe.doctor.suspect import Suspect
from recipe.doctor.trial import Bench, OutOfTime

Sizes = keras.layers.Dense
SPARSE = "sparse_categorical_crossentropy"


@pytest.fixture(autouse=True)
def _seeded() -> None:
    keras.utils.set_random_seed(1)


def rows(count: int = 64, columns: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(3, [1, 200, 0.1, 1][:columns], (count, columns)).astype(np.float32)
    return x, (x[:, 0] > 3).astype(int) + (x[:, 1] > 100)


def net(hidden: int = 8, head: Any = None, loss: Any = SPARSE, **given: Any) -> keras.Model:
    layers = [keras.Input((4,)), Sizes(hidden, "relu", **given), head or Sizes(3, "softmax")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"])
    return model


class Own(keras.Model):
    """Written down, and nowhere in a config."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = Sizes(8, "relu"), Sizes(3, "softmax")

    def call(self, x: Any) -> Any:
        return self.out(self.hidden(x))


def graph() -> keras.Model:
    """Two inputs, a shared layer, an operation, and a net in the net."""
    one, other = keras.Input((4,), name="one"), keras.Input((4,), name="other")
    body = keras.Sequential([Sizes(6, "relu"), Sizes(5, "relu")], name="body")
    body.trainable = False
    output = Sizes(3, "softmax")(keras.ops.abs(body(one)) + body(other))
    model = keras.Model({"one": one, "other": other}, output)
    model.compile("adam", SPARSE)
    return model


def weights_of(model: keras.Model) -> list[np.ndarray]:
    return [np.array(v.numpy()) for v in model.variables]


def test_a_repair_trains_as_the_trial_did() -> None:
    x, y = rows()
    model = net()
    fit = {"epochs": 2, "batch_size": 16, "shuffle": False}
    subject = subject_of(model, x, y, **fit)
    heads = heads_of(subject, flow_of(model, subject.probe()))
    first = model.layers[0]
    change = Change(
        scale_x=True, rate=0.1, batch_size=8, class_weight={0: 1.0, 1: 2.0, 2: 3.0},
        drawn=((first, "he_normal"),),
        settings=((first, "activation", keras.activations.get("tanh")),
                  ("optimizer", "clipnorm", 0.5)),
    )  # fmt: skip
    tried = Bench(subject, heads, 10.0).run(change).history["loss"]
    before, optimizer = weights_of(model), model.optimizer
    made, again, labels, arguments = Repair((), change, model)(model, x, y, fit)
    history = made.fit(again, labels, verbose=0, **arguments).history
    np.testing.assert_allclose(history["loss"], tried, rtol=2e-4)
    for one, other in zip(before, weights_of(model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert model.optimizer is optimizer
    assert made is not model


def test_a_scaled_target_comes_back_in_its_unit() -> None:
    x, _ = rows()
    y = 1000 + 300 * x[:, 0]
    model = net(head=Sizes(1), loss="mse")
    made, _, _, _ = Repair(("target_scale",), Change(scale_y=True), model)(model, x, y, {})
    plain = model(x).numpy()
    np.testing.assert_allclose(made(x), plain * y.std() + y.mean(), rtol=1e-5)
    scaled = (y - y.mean()) / y.std()
    expected = float(((plain[:, 0] - scaled) ** 2).mean())
    assert made.evaluate(x, y, verbose=0)[0] == pytest.approx(expected, rel=1e-4)


def test_of_a_graph_each_layer_is_found_again() -> None:
    model, (x, y) = graph(), rows()
    given = {"one": x, "other": x + 1}
    frozen = model.get_layer("body").layers
    change = Change(
        scale_x=True,
        settings=tuple((layer, "trainable", True) for layer in frozen),
        drawn=((frozen[0], "glorot_uniform"),),
    )
    made, *_ = Repair(("frozen_layers",), change, model)(model, given, y, {})
    assert len(made.trainable_variables) == 6
    assert len(model.trainable_variables) == 2
    normal = {name: (part - moments(part)[0]) / moments(part)[1] for name, part in given.items()}
    for one, other in zip(made.trainable_variables[2:], model.variables[2:], strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())
    model.get_layer("body").layers[0].kernel.assign(made.get_layer("body").layers[0].kernel)
    np.testing.assert_allclose(made(given), model(normal), rtol=1e-4)


def test_a_class_that_cant_be_made_again_is_changed_itself_and_told_of() -> None:
    x, y = rows()
    model = Own()
    model.compile("adam", SPARSE)
    change = Change(scale_x=True, settings=((model.hidden, "activation", keras.ops.tanh),))
    model(x)
    done = Repair(("unscaled_input",), change, model).applied(model, x, y, {})
    assert any("this very net" in said for said in done.said)
    plain = keras.ops.tanh((x - moments(x)[0]) / moments(x)[1] @ model.hidden.kernel.numpy())
    np.testing.assert_allclose(done.program[0](x), model.out(plain), rtol=1e-4)


def test_a_class_with_a_step_of_its_own_is_not_wrapped() -> None:
    class Steps(Own):
        def train_step(self, data: Any) -> Any:
            return super().train_step(data)

    model, (x, y) = Steps(), rows()
    model.compile("adam", SPARSE)
    with pytest.raises(RequestError, match="trains in a way of its own"):
        Repair(("unscaled_input",), Change(scale_x=True), model)(model, x, y, {})


def test_another_net_is_refused() -> None:
    x, y = rows()
    with pytest.raises(RequestError, match="not the model that was diagnosed"):
        Repair(("lr_too_low",), Change(rate=10), graph())(net(), x, y, {})


def test_repairs_compose_and_are_the_same_twice() -> None:
    x, y = rows()
    model = net()
    model.compile(keras.optimizers.Adam(1e-5, clipnorm=1e-6), SPARSE)
    layer = model.layers[0]
    both = Repair(("lr_too_low",), Change(rate=10), model).plus(
        Repair(("bad_init",), Change(drawn=((layer, None),), rate=10), model)
    )
    assert both.codes == ("lr_too_low", "bad_init")
    one, other = (both(model, x, y, {})[0] for _ in range(2))
    assert float(one.optimizer.learning_rate) == pytest.approx(1e-3)
    np.testing.assert_array_equal(one.layers[0].kernel, other.layers[0].kernel)


def test_widths_heads_and_penalties_are_built_anew() -> None:
    x, y = rows()
    model = net(2, head=Sizes(1, "sigmoid"), loss="binary_crossentropy", kernel_regularizer="l2")
    heavy = Change(settings=((model.layers[0].kernel, "regularizer", None),))
    codes = ("wrong_loss", "underfitting")
    made, *_ = Repair(codes, heavy, model)(model, x, y, {})
    assert made.layers[0].units == 64
    assert made.layers[0].kernel_regularizer is None
    assert not made.losses
    assert made.output_shape == (None, 3)
    assert made.loss == SPARSE
    deep, *_ = Repair(("underfitting",), UNCHANGED, model)(model, x, y, {})
    assert deep.layers[0].units == 64


def test_a_stream_becomes_arrays_only_where_its_examples_change() -> None:
    x, y = rows()
    stream, model = tf.data.Dataset.from_tensor_slices((x, y)).batch(2), net()
    same = Repair(("lr_too_low",), Change(rate=10), model)(model, stream, None, {"epochs": 3})
    assert same[1] is stream
    _, arrays, _, fit = Repair(("batch_size",), Change(batch_size=32), model)(model, stream)
    np.testing.assert_array_equal(arrays, x)
    assert fit["batch_size"] == 32


def test_early_stopping_waits_where_there_was_too_little_training() -> None:
    x, y = rows()
    hasty, model = keras.callbacks.EarlyStopping(), net()
    fit = {"epochs": 5, "callbacks": [hasty], "validation_split": 0.2}
    _, _, _, fit = Repair(("undertraining",), Change(epochs=4), model)(model, x, y, fit)
    assert fit["epochs"] == 20
    assert fit["callbacks"][0].patience == 10
    assert hasty.patience == 0


# ---- examples -----------------------------------------------------------------------------------


def mended(code: str, x: Any, y: Any, model: keras.Model | None = None, **fit: Any) -> Any:
    subject = subject_of(model or net(), x, y, **fit)
    heads = heads_of(subject, flow_of(subject.model, subject.probe()))
    return MENDS[code](subject, heads)


def test_gaps_are_filled_in_the_net_and_lost_targets_left_out() -> None:
    x, _ = rows()
    y = x[:, 0].copy()
    x[3, 1], y[5] = np.nan, np.nan
    model = net(head=Sizes(1), loss="mse")
    made, x_new, y_new, _ = Repair(("nan_input",), UNCHANGED, model)(model, x, y, {})
    assert len(x_new) == len(y_new) == 63
    assert np.isfinite(made(x)).all()
    full = np.where(np.isfinite(x), x, np.nanmedian(x, axis=0))
    np.testing.assert_allclose(made(x), model(full), rtol=1e-5)


def test_labels_are_numbered_in_their_order() -> None:
    x, y = rows()
    found = mended("label_encoding", x, np.array([1, 4, 7])[y])
    np.testing.assert_array_equal(found.subject.y, y)
    assert mended("label_encoding", x, y) is None
    words = mended("label_encoding", x, np.array(["a", "b", "c"])[y])
    np.testing.assert_array_equal(words.subject.y, y)
    one = net(head=Sizes(1, "sigmoid"), loss="binary_crossentropy")
    mask = mended("label_encoding", x, (y > 0) * 255, one)
    np.testing.assert_array_equal(mask.subject.y, y > 0)
    grey = mended("label_encoding", x, y * 100 + x[:, 3] % 1, one)
    assert grey.subject.y.max() == 1


def test_copies_stand_on_one_side_and_no_example_is_lost() -> None:
    x, y = rows(200)
    twice = np.r_[x, x[:60]]
    found = mended("train_val_overlap", twice[:180], np.r_[y, y[:60]][:180],
                   validation_data=(twice[180:], np.r_[y, y[:60]][180:])).subject  # fmt: skip
    train, val = ({row.tobytes() for row in part} for part in (found.x, found.val[0]))
    assert not train & val
    assert train | val == {row.tobytes() for row in x}


@pytest.mark.parametrize("shape", [(4,), (6, 4)])
def test_validation_inputs_of_another_scale_are_taken_by_the_net(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, val = (rng.normal(0, 1, (300, *shape)).astype(np.float32) for _ in range(2))
    low, wide = np.array([5, -1, 0, 9]), np.array([2, 0.1, 30, 1])
    y = (x.reshape(300, -1)[:, 0] > 0).astype(int)
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), Sizes(3, "softmax")])
    model.compile("adam", SPARSE)
    found = mended("train_val_mismatch", x, y, model, validation_data=(val * wide + low, y))
    np.testing.assert_allclose(found.front[0](found.subject.x), x, atol=1e-3)
    np.testing.assert_allclose(found.front[0](val * wide + low), val, atol=0.3)


def test_validation_inputs_of_another_kind_are_no_matter_of_scale() -> None:
    x, y = rows(300)
    other = np.random.default_rng(0).exponential(9, x.shape) ** 3
    with pytest.raises(Refused, match="another kind"):
        mended("train_val_mismatch", x, y, validation_data=(other, y))


def test_what_tells_the_target_is_hidden() -> None:
    x, _ = rows()
    y = (x[:, 0] * 0.1).astype(np.float32)
    x[:, 3] = 5 * y
    x[:, 0] = np.random.default_rng(1).normal(size=len(x))
    found = mended("label_leakage", x, y, net(head=Sizes(1), loss="mse"))
    seen = np.asarray(found.front[0](x))
    np.testing.assert_array_equal(seen[:, 3], 0)
    np.testing.assert_array_equal(seen[:, :3], x[:, :3])


def test_labels_that_contradict_all_others_are_left_out() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    x = (rng.normal(0, 0.3, (200, 4)) + y[:, None] * 2).astype(np.float32)
    flipped = rng.choice(200, 30, replace=False)
    said = y.copy()
    said[flipped] = 1 - said[flipped]
    found = mended("corrupt_labels", x, said, net(head=Sizes(2, "softmax"))).subject
    np.testing.assert_array_equal(found.y, (found.x.sum(axis=1) > 4).astype(int))
    assert found.examples > 160
    with pytest.raises(Refused, match="look at their source"):
        mended("corrupt_labels", x, rng.permutation(y), net(head=Sizes(2, "softmax")))


def test_what_cant_be_mended_does_not_keep_the_rest_from_it() -> None:
    x, y = rows()
    model = net()
    both = Repair(("lr_too_low", "label_leakage"), Change(rate=10), model)
    done = both.applied(model, x, y, {})
    assert done.said == [
        "label_leakage stays as it is: no column tells the target alone",
        "10 times the learning rate",
    ]
    with pytest.raises(RequestError, match="no repair of label_leakage: no column"):
        Repair(("label_leakage",), UNCHANGED, model)(model, x, y, {})


def test_sorted_examples_are_dealt_anew() -> None:
    x, y = rows(90)
    order = np.argsort(y)
    found = mended("unshuffled_data", x[order], y[order], validation_split=0.3).subject
    assert set(found.val[1]) == set(found.y) == {0, 1, 2}
    assert len(found.val[1]) == 28


# ---- heads --------------------------------------------------------------------------------------


def head(y: Any, units: int, activation: str | None, loss: str, **given: Any) -> Head:
    said = {"from_logits": False, "counts_right": False, **given}
    return Head(np.asarray(y), np.zeros((4, units)), activation, loss, **said)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(head([0, 1, 0, 1], 1, "softmax", "binary_crossentropy"),
                     Right(1, "sigmoid", None), id="softmax of one"),
        pytest.param(head([0, 1, 2, 1], 1, "sigmoid", "binary_crossentropy", counts_right=True),
                     Right(3, "softmax", SPARSE), id="three classes and one unit"),
        pytest.param(head([0, 1, 2, 9], 1, "sigmoid", "binary_crossentropy"),
                     Right(1, "linear", "mean_squared_error"), id="amounts under a cross-entropy"),
        pytest.param(head(np.eye(4), 4, "softmax", "mean_absolute_error", counts_right=True),
                     Right(4, "softmax", "categorical_crossentropy"), id="classes by an error"),
        pytest.param(head([[0, 1, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]], 3, "softmax",
                          "categorical_crossentropy"),
                     Right(3, "sigmoid", "binary_crossentropy"), id="several labels"),
        pytest.param(head([0, 1, 2, 1], 3, "relu", SPARSE, from_logits=True),
                     Right(3, "linear", None), id="logits stay logits"),
        pytest.param(head([-1.5, 0.2, 3.1, 0], 1, "tanh", "huber"),
                     Right(1, "linear", None), id="a number behind tanh"),
        pytest.param(head([0.5, 3.2, 8.1, 0], 1, "linear", "poisson"),
                     Right(1, "exponential", None), id="counts by poisson"),
    ],
)  # fmt: skip
def test_the_head_that_suits(given: Head, expected: Right) -> None:
    assert right(given) == expected


def test_a_schedule_is_quickened_by_its_own_settings() -> None:
    schedule = keras.optimizers.schedules.CosineDecay(0.0, 10, warmup_target=0.1, warmup_steps=2)
    optimizer = keras.optimizers.Adam(schedule)
    quicken(optimizer, 10)
    assert float(optimizer._learning_rate(2)) == pytest.approx(1.0)
    assert type(optimizer._learning_rate) is type(schedule)


# ---- amounts ------------------------------------------------------------------------------------


class Tried(Bench):
    """Trials whose outcomes are known."""

    def known(self, worth: Any) -> "Tried":
        self.worth = worth
        return self

    def run(self, change: Change = UNCHANGED, look: Any = None, seconds: Any = None) -> Outcome:
        nothing = np.zeros(1)
        return Outcome(nothing, {}, self.worth(change), np.nan, [], [], 0.0, 0.0, 0.0, False)


def prescribed(code: str, first: Change, optimizer: Any, worth: Any) -> Suspect:
    model, (x, y) = net(), rows()
    model.compile(optimizer, SPARSE)
    bench = Tried(subject_of(model, x, y, epochs=2, batch_size=64), [], 1.0).known(worth)
    chain = Chain(bench, worth(first), None, first)
    chain.named = [(Suspect(code, "error", "during", "", None, "", "", "", change=first), 0.1)]
    enough(chain)
    suspect, gain = chain.named[0]
    assert gain == pytest.approx(0.1 + chain.score - worth(first))
    assert chain.change == suspect.change
    return suspect


def test_of_a_cure_there_is_as_much_as_helps() -> None:
    fast = prescribed("lr_too_low", Change(rate=10), "sgd", lambda c: min(c.rate, 100) / 200)
    assert fast.change == Change(rate=100)
    assert fast.keys == {"train.learning_rate": pytest.approx(1.0)}
    long = prescribed("undertraining", Change(epochs=4), "sgd", lambda c: 1 - 1 / c.epochs)
    assert (long.cure, long.keys) == ("128 epochs", {"train.epochs": 128})
    least = prescribed("batch_size", Change(batch_size=32), "sgd", lambda c: 1 / c.batch_size)
    assert least.change == Change(batch_size=8)
    schedule = keras.optimizers.schedules.ExponentialDecay(1e-3, 1, 0.5)
    held = prescribed("lr_too_low", Change(rate=10), keras.optimizers.Adam(schedule),
                      lambda c: 0.5 if c.held is None else 0.9)  # fmt: skip
    assert held.change is not None
    assert held.change.held == pytest.approx(1e-3)
    assert held.cure == "a learning rate of 0.001, held"


def test_a_trial_that_takes_longer_than_there_is_time_for_is_ended() -> None:
    x, y = rows()
    model = net()
    bench = Bench(subject_of(model, x, y, epochs=10_000, batch_size=16), [], 0.3)
    bench.base = Outcome(np.zeros(1), {}, 0.5, np.nan, [], [], 0.0, 0.0, 0.0, False)
    before = weights_of(model)
    with pytest.raises(OutOfTime):
        bench.run(Change(rate=2.0))
    assert bench.spent > 0.3
    for one, other in zip(before, weights_of(model), strict=True):
        np.testing.assert_array_equal(one, other)
