"""Which causes are tried where nothing is wrong at first sight, in which order, for how long."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from recipe.doctor.change import UNCHANGED, Change
from recipe.doctor.flow import flow_of
from recipe.doctor.losses import heads_of
from recipe.doctor.outcome import Outcome, Steps
from recipe.doctor.rivals import larger, narrow_layer, rivals
from recipe.doctor.subject import subject_of
from recipe.doctor.training import has_risen
from recipe.doctor.trial import Bench, OutOfTime

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4)).astype(np.float32)
CLASSES = RNG.integers(0, 3, 200)


def ended(**known: Any) -> Outcome:
    """A training that went down and came to nothing."""
    given = {"history": {"loss": [1.0] * 5}, "train": 0.1, "val": 0.1} | known
    return Outcome(np.linspace(2, 1, 60), given["history"], given["train"], given["val"], [], [],
                   0.0, 0.0, 0.0, False)  # fmt: skip


def net(units: int = 16, outputs: int = 3, inputs: int = 4, **layer: Any) -> keras.Sequential:
    return keras.Sequential(
        [keras.Input((inputs,)), keras.layers.Dense(units, "relu", **layer),
         keras.layers.Dense(outputs, "softmax" if outputs > 1 else None)]
    )  # fmt: skip


def tried(model: keras.Model, x: np.ndarray, y: np.ndarray, optimizer: Any = "adam") -> list[str]:
    """Codes of the rivals, in their order."""
    loss = "mse" if y.dtype.kind == "f" else "sparse_categorical_crossentropy"
    model.compile(optimizer, loss)
    subject = subject_of(model, x, y, epochs=5)
    flow = flow_of(model, subject.probe())
    model.compute_loss(x, y, model(x))
    heads = heads_of(subject, flow)
    return [each.code for each in rivals(subject, ended(), [], flow, heads)]


def test_a_rate_that_is_usual_comes_after_the_length_of_the_training() -> None:
    codes = tried(net(), X, CLASSES)
    assert codes == ["undertraining", "lr_too_low", "lr_too_low"]


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.Adam(1e-5),
        keras.optimizers.SGD(1e-3),
        keras.optimizers.Adadelta(),
        keras.optimizers.Adagrad(),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_a_rate_below_what_its_optimizer_is_used_at_comes_before(optimizer: Any) -> None:
    codes = tried(net(), X, CLASSES, optimizer)
    assert codes.index("lr_too_low") < codes.index("undertraining")


def test_momentum_makes_a_rate_higher() -> None:
    codes = tried(net(), X, CLASSES, keras.optimizers.SGD(1e-3, momentum=0.9))
    assert codes.index("undertraining") < codes.index("lr_too_low")


def test_a_size_that_is_a_little_off_is_tried_before_the_length() -> None:
    assert tried(net(), X * 6 + 20, CLASSES)[:2] == ["unscaled_input", "undertraining"]
    y = (100 + 10 * X[:, 0]).astype(np.float32)
    assert tried(net(outputs=1), X, y)[:2] == ["target_scale", "undertraining"]
    assert "target_scale" not in tried(net(outputs=1), X, (14 + 5 * X[:, 0]).astype(np.float32))


def first_of(optimizer: Any, told: list[float] | None = None) -> Change | None:
    """The first that is tried against a rate that may fall, of 40 steps or 8 epochs."""
    model = net()
    model.compile(optimizer, "sparse_categorical_crossentropy")
    subject = subject_of(model, X, CLASSES, epochs=8, batch_size=40)
    flow = flow_of(model, subject.probe())
    model.compute_loss(X, subject.y, model(X))
    base = ended(history={"loss": [1.0] * 8} | ({} if told is None else {"learning_rate": told}))
    return next(rivals(subject, base, [], flow, heads_of(subject, flow))).change


def test_a_rate_that_falls_early_is_held() -> None:
    schedules = keras.optimizers.schedules
    early = first_of(keras.optimizers.Adam(schedules.ExponentialDecay(1e-3, 2, 0.5)))
    assert early is not None
    assert early.held == pytest.approx(1e-3)
    assert first_of("adam", [1e-3, 1e-4, 1e-5, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6]) == Change(held=1e-3)
    for late in (
        schedules.CosineDecay(1e-3, 40),
        schedules.CosineDecay(0.0, 20, warmup_target=1e-3, warmup_steps=20),
    ):
        assert first_of(keras.optimizers.Adam(late)) == Change(epochs=4.0)
    assert first_of("adam", [1e-3] * 7 + [1e-5]) == Change(epochs=4.0)


def test_hidden_weights_that_do_not_learn_come_last() -> None:
    assert tried(net(trainable=False), X, CLASSES)[-1] == "frozen_layers"


@pytest.mark.parametrize(
    ("model", "knows", "is_tried"),
    [
        pytest.param(net(8), 0.2, True, id="narrow, and learns nothing"),
        pytest.param(net(8), 0.9, False, id="narrow, and learns"),
        pytest.param(net(64), 0.2, False, id="wide enough"),
        pytest.param(net(8, outputs=9), 0.2, False, id="a code, of which as much comes out again"),
    ],
)
def test_more_units_are_tried_where_a_net_learns_little(
    model: keras.Model, knows: float, is_tried: bool
) -> None:
    model.compile("adam", "mse")
    subject = subject_of(model, X, X)
    flow = flow_of(model, subject.probe())
    found = [*larger(subject, ended(train=knows), None, flow, heads_of(subject, flow))]
    assert [each.change for each in found] == ([Change(wider=True)] if is_tried else [])


@pytest.mark.parametrize(("units", "is_narrow"), [(2, True), (3, True), (4, False)])
def test_a_layer_has_at_least_a_bit_for_each_class(units: int, is_narrow: bool) -> None:
    model = net(units, outputs=10)
    model.compile("adam", "sparse_categorical_crossentropy")
    subject = subject_of(model, X, np.arange(200) % 10)
    flow = flow_of(model, subject.probe())
    model.compute_loss(X, subject.y, model(X))
    assert bool(narrow_layer(subject, flow, heads_of(subject, flow))) == is_narrow


@pytest.mark.parametrize(
    ("val", "expected"),
    [
        pytest.param([3, 1, 2, 2, 2, 2], True, id="best early, then worse"),
        pytest.param([3, 2, 1.5, 1.2, 1.1, 1], False, id="best at the end"),
        pytest.param([3, 1, 1, 1, 1, 1.05], False, id="hardly worse"),
        pytest.param([3, 1, 2], False, id="too short to tell"),
        pytest.param([3, 1, np.nan, 2, 2, 2], False, id="not finite"),
        pytest.param(None, False, id="no validation"),
    ],
)
def test_whether_validation_loss_has_risen(val: list[float] | None, expected: bool) -> None:
    assert has_risen(ended(history={} if val is None else {"val_loss": val})) == expected


def test_losses_of_steps_are_told_apart_however_many_are_done_at_once() -> None:
    seen = [1.0, 3.0, 5.0, 7.0, 9.0]

    def losses(ends: list[int]) -> list[float]:
        steps = Steps()
        for _ in range(2):  # epochs
            for end in ends:
                steps.on_train_batch_end(end, {"loss": float(np.mean(seen[: end + 1]))})
        return steps.losses

    assert losses([0, 1, 2, 3, 4]) == pytest.approx(seen * 2)
    assert losses([1, 3, 4]) == pytest.approx([2, 2, 6, 6, 9] * 2)
    assert losses([4]) == pytest.approx([5] * 10)


def bench(budget: float, epoch: float) -> Bench:
    """One whose epochs take so many seconds, as far as it knows."""
    model = net()
    model.compile("adam", "sparse_categorical_crossentropy")
    made = Bench(subject_of(model, X, CLASSES, epochs=10, batch_size=50), [], budget)
    made.base = replace(ended(), first_epoch=epoch, epoch=epoch)
    return made


def test_a_trial_is_shortened_to_the_time_that_there_is() -> None:
    short = bench(1_000, epoch=10.0).run(Change(rate=2.0), seconds=50.0)
    assert (len(short.losses), short.is_whole) == (5 * 4, False)
    whole = bench(1_000, epoch=10.0).run(Change(rate=2.0), seconds=200.0)
    assert (len(whole.losses), whole.is_whole) == (10 * 4, True)
    with pytest.raises(OutOfTime):  # so little of a training shows nothing
        bench(1_000, epoch=10.0).run(Change(rate=2.0), seconds=5.0)
    with pytest.raises(OutOfTime):  # it may not be shortened
        bench(50, epoch=10.0).run(Change(rate=2.0))


def test_time_is_kept_for_what_comes_later() -> None:
    one = bench(150, epoch=10.0)
    suspect = next(iter(larger(one.subject, ended(), None, flow_of(one.subject.model, X[:9]), [])))
    with one.keeping([replace(suspect, change=UNCHANGED)]):
        assert one.left == pytest.approx(50)
    assert one.left == pytest.approx(150)
