"""The Monitor sees what happens, changes nothing of it, and keeps to its budget."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from recipe.data import Split
from recipe.training import fit, monitor
from recipe.training.checkpoint import Saved, of_callbacks, put_back
from recipe.training.fast_path import why_not_fast
from recipe.training.monitor import Monitor
from recipe.training.undone import Measured, step_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4)).astype(np.float32)
Y = RNG.integers(0, 3, (24, 1))
SEQUENCES = X.reshape(24, 2, 2)
layers = keras.layers


def ready(model: keras.Model, optimizer: Any = "adam", loss: Any = None) -> keras.Model:
    loss = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    return model


def mlp() -> keras.Model:
    averaging = keras.optimizers.Adam(0.1, use_ema=True, ema_overwrite_frequency=2)
    averaging.exclude_from_weight_decay(var_names=["bias"])
    x = keras.Input((4,), name="input")
    hidden = layers.BatchNormalization()(layers.Dense(4, "relu", name="hidden")(x))
    head = layers.Dense(3, name="head")(layers.Dropout(0.5)(hidden))
    return ready(keras.Model(x, head), averaging)


class Subclassed(keras.Model):
    """Builds itself when it sees its first batch, in half precision."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = layers.Dense(4, "tanh", name="hidden", dtype="mixed_bfloat16")
        self.drop = layers.Dropout(0.5)
        self.head = layers.Dense(3, name="head")

    def call(self, x: Any, training: bool = False) -> Any:
        return self.head(self.drop(self.hidden(x), training=training))


def subclassed() -> keras.Model:
    return ready(Subclassed(), keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))


def branching() -> keras.Model:
    """Two inputs, one of them sequences, and two outputs."""
    row, sequence = keras.Input((4,), name="row"), keras.Input((2, 2), name="sequence")
    both = layers.Concatenate()([row, layers.SimpleRNN(2, name="recurrent")(sequence)])
    outputs = {"a": layers.Dense(3, name="a")(both), "b": layers.Dense(1, name="b")(both)}
    model = keras.Model({"row": row, "sequence": sequence}, outputs)
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", {"a": sparse, "b": "mse"}, jit_compile=False)
    return model


def our_fit(model: keras.Model, x: Any, y: Any, callbacks: list[Any]) -> None:
    rows = np.arange(len(x))
    train = Split(x, y[:, 0], rows, rows)
    fit(model, train, batch_size=8, epochs=3, seed=0, callbacks=callbacks)


def keras_fit(model: keras.Model, x: Any, y: Any, callbacks: list[Any]) -> None:
    model.fit(x, y, batch_size=8, epochs=3, callbacks=callbacks, verbose=0)


def some(part: Any) -> Any:
    return keras.tree.map_structure(lambda array: array[:8], part)


def tensors(folder: Path) -> dict[str, list[tuple[int, np.ndarray]]]:
    found = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    found.Reload()
    return {
        tag: [(e.step, tf.make_ndarray(e.tensor_proto)) for e in found.Tensors(tag)]
        for tag in found.Tags()["tensors"]
    }


@pytest.mark.parametrize(
    ("make", "loop", "x", "y"),
    [
        pytest.param(mlp, our_fit, X, Y, id="our fit, averaged weights"),
        pytest.param(subclassed, keras_fit, X, Y, id="Keras's fit, subclassed, half precision"),
        pytest.param(branching, keras_fit, {"row": X, "sequence": SEQUENCES},
                     {"a": Y, "b": X[:, :1]}, id="two inputs, two outputs, recurrent"),
    ],
)  # fmt: skip
def test_a_training_is_the_same_to_the_bit(
    make: Callable[[], keras.Model], loop: Callable[..., None], x: Any, y: Any, tmp_path: Path
) -> None:
    ends = []
    for callbacks in ([], [Monitor(tmp_path, some(x), some(y))]):
        keras.utils.set_random_seed(0)
        model = make()
        loop(model, x, y, callbacks)
        ends.append([v.numpy() for v in [*model.variables, *model.optimizer.variables]])
    for without, with_monitor in zip(*ends, strict=True):
        np.testing.assert_array_equal(without, with_monitor)
    seen = tensors(tmp_path)
    hidden = "recurrent" if make is branching else "hidden"
    for group in ("gradient_norm", "update_ratio", "weight_norm", "activation_mean"):
        assert [step for step, _ in seen[f"{group}/{hidden}"]] == [0, 1, 3]
        assert all(np.isfinite(value) for _, value in seen[f"{group}/{hidden}"])


def test_what_it_writes_is_grouped_by_what_is_measured(tmp_path: Path) -> None:
    model = mlp()
    watch = Monitor(tmp_path, X[:8], Y[:8], examples=24, histogram_every=3)
    model.fit(X, Y, epochs=6, callbacks=[watch], verbose=0)
    seen = tensors(tmp_path)
    assert {tag.partition("/")[0] for tag in seen} == {
        "gradient_norm", "update_ratio", "weight_norm", "activation_mean", "activation_std",
        "dead_units", "monitor", "epoch_learning_rate", "weights", "gradients", "activations",
    }  # fmt: skip
    assert [step for step, _ in seen["gradient_norm/head"]] == watch.probed == [0, 1, 6]
    assert [step for step, _ in seen["weights/head/kernel"]] == [0, 6]
    assert seen["weights/head/kernel"][1][1][:, 2].sum() == 12
    assert [step for step, _ in seen["monitor/examples_per_second"]] == [1, 2, 3, 4, 5, 6]
    assert seen["epoch_learning_rate"][0][1] == np.float32(0.1)
    ((step, text),) = seen["monitor"]
    assert step == 6
    assert text.item().decode() == watch.summary()

    first = watch.trace_seconds
    model.fit(X, Y, epochs=1, callbacks=[watch], verbose=0)
    assert watch.trace_seconds < 0.5 * first  # the net was traced the first time
    assert watch.probed == [0, 1]


def test_our_fit_stays_on_its_fast_path() -> None:
    model = mlp()
    assert why_not_fast(model, [Monitor("unused", X, Y)]) is None


def test_a_net_that_breaks_is_shown_broken(tmp_path: Path) -> None:
    model = ready(
        keras.Sequential([layers.Dense(4, name="head")]), keras.optimizers.SGD(1e30), "mse"
    )
    model.fit(X, X, epochs=2, callbacks=[Monitor(tmp_path, X[:8], X[:8])], verbose=0)
    seen = tensors(tmp_path)
    assert np.isfinite(seen["gradient_norm/head"][0][1])
    assert np.isnan(seen["gradient_norm/head"][-1][1])
    assert seen["not_finite/weights/head/kernel"][-1][1] == 1.0


class Clock:
    """Time that passes when somebody says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Paper:
    """A board that takes down tags and steps."""

    def __init__(self) -> None:
        self.scalar: dict[str, dict[int, float]] = {}
        self.histogram: list[int] = []
        self.texts: list[str] = []

    def scalars(self, values: dict[str, float], step: int) -> None:
        for tag, value in values.items():
            self.scalar.setdefault(tag, {})[step] = value

    def histograms(self, buckets: dict[str, np.ndarray], step: int) -> None:
        self.histogram.append(step)

    def text(self, tag: str, markdown: str, step: int) -> None:
        self.texts.append(markdown)

    def close(self) -> None:
        pass


class Net:
    """All of a model that the Monitor looks at when nothing is compiled."""

    stop_training = False


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Monitor, Paper]]:
    """Makes a Monitor whose probes take `cost` seconds, and the first one `trace`."""

    def make(clock: Clock, cost: float, trace: float, **settings: Any) -> tuple[Monitor, Paper]:
        class Step:
            unseen = ("a*b",)
            is_new = True

            def __call__(self, batch: Any, wants_histograms: bool) -> Measured:
                clock.now += trace if self.is_new else cost
                self.is_new = False
                return Measured({"gradient_norm/head": 1.0}, {})

        step = Step()
        monkeypatch.setattr(monitor, "step_of", lambda model, batch: (step, step.is_new))
        paper: Any = Paper()
        return Monitor(paper, X, Y, clock=clock, **settings), paper

    return make


def train(watch: Monitor, clock: Clock, epochs: int, seconds: float, stop: int = 0) -> None:
    """A training of so many seconds an epoch, stopped after `stop`."""
    model: Any = Net()
    model.stop_training = False
    watch.set_params({"epochs": epochs})
    watch.set_model(model)
    watch.on_train_begin()
    for epoch in range(stop or epochs):
        watch.on_epoch_begin(epoch)
        clock.now += seconds
        watch.on_epoch_end(epoch, {})
    watch.on_train_end()


def test_a_short_training_is_probed_at_its_first_and_last_epoch(made: Any) -> None:
    clock = Clock()
    watch, paper = made(clock, cost=0.001, trace=2.0)
    train(watch, clock, epochs=50, seconds=1.0)
    assert watch.probed == [0, 1, 50]
    assert watch.skipped == [*range(2, 50)]
    assert watch.trace_seconds == 2.0
    assert watch.spent == pytest.approx(2.002)
    assert watch.seconds == pytest.approx(52.002)
    (said,) = paper.texts
    assert "Probed after epochs 0-1, 50; 0 is before the first update." in said
    assert "Skipped 48 of 51 epochs: a training of less than 60 s is probed" in said
    assert "Compiling (the trace) took 2.00 s, the probes 0.00 s, of 52.0 s." in said
    assert "Not seen at work: a&#42;b." in said


@pytest.mark.parametrize(
    ("cost", "seconds", "every", "least"),
    [
        pytest.param(0.001, 1.0, 1, 900, id="cheap: hardly an epoch is skipped"),
        pytest.param(0.1, 1.0, 1, 180, id="dear: every fifth epoch"),
        pytest.param(5.0, 1.0, 1, 3, id="very dear"),
        pytest.param(0.001, 10.0, 5, 190, id="every fifth is all that is asked for"),
    ],
)
def test_a_long_training_pays_its_budget_and_no_more(
    made: Any, cost: float, seconds: float, every: int, least: int
) -> None:
    clock = Clock()
    watch, paper = made(clock, cost, trace=0.5, every=every)
    train(watch, clock, epochs=1000, seconds=seconds)
    assert len(watch.probed) >= least
    assert watch.probed[-1] == 1000
    for number, epoch in enumerate(watch.probed[2:-1], start=2):
        spent = 0.5 + number * cost
        assert spent <= 0.02 * (epoch * seconds + spent)
        assert epoch * seconds + spent >= 60
    due = [epoch for epoch in range(2, 1001) if epoch % every == 0]
    assert sorted([*watch.probed[2:], *watch.skipped]) == due
    if watch.skipped:
        skipped = f"Skipped {len(watch.skipped)} of {len(due) + 2} epochs"
        assert f"{skipped}: to stay within 2% of the time." in paper.texts[0]


def test_a_training_that_is_stopped_is_probed_at_its_end(made: Any) -> None:
    clock = Clock()
    watch, paper = made(clock, cost=0.1, trace=1.0)
    train(watch, clock, epochs=50, seconds=1.0, stop=7)
    assert watch.probed == [0, 1, 7]
    assert watch.skipped == [2, 3, 4, 5, 6]
    assert paper.histogram == [0, 7]


def test_who_knows_that_it_is_the_last_epoch_sees_the_weights_that_were_trained(made: Any) -> None:
    """Before a callback that stops the training puts others back."""
    clock = Clock()
    watch, _ = made(clock, cost=0.1, trace=1.0)
    watch.set_params({"epochs": 9})
    watch.set_model(Net())
    watch.on_train_begin()
    for epoch in range(3):
        watch.on_epoch_begin(epoch)
        watch.model.stop_training = epoch == 2
        watch.on_epoch_end(epoch)
    assert watch.probed == [0, 1, 3]


def test_pace_and_input_wait_are_told_as_far_as_they_are_known(made: Any) -> None:
    clock = Clock()
    watch, paper = made(clock, cost=0.1, trace=1.0)
    train(watch, clock, epochs=2, seconds=4.0)
    assert paper.scalar["monitor/epochs_per_second"] == {1: 0.25, 2: 0.25}
    assert "monitor/input_wait" not in paper.scalar
    assert "epoch_learning_rate" not in paper.scalar  # `LogEpochs` writes it to the same board
    assert "Input wait: not measured." in paper.texts[0]

    watch, paper = made(clock, cost=0.1, trace=1.0, examples=100)
    watch.set_params({"epochs": 2})
    watch.set_model(Net())
    watch.on_train_begin()
    for epoch in range(2):
        watch.on_epoch_begin(epoch)
        watch.waited(0.5)
        watch.waited(0.25)
        clock.now += 4.0
        watch.on_epoch_end(epoch)
    watch.on_train_end()
    assert paper.scalar["monitor/examples_per_second"] == {1: 25.0, 2: 25.0}
    assert paper.scalar["monitor/input_wait"] == {1: 0.75, 2: 0.75}
    assert "Input wait" not in paper.texts[0]


def test_it_goes_on_after_a_kill_where_it_was(made: Any) -> None:
    clock = Clock()
    whole, _ = made(clock, cost=0.1, trace=1.0)
    train(whole, clock, epochs=200, seconds=1.0)

    clock = Clock()
    killed, _ = made(clock, cost=0.1, trace=1.0)
    killed.set_params({"epochs": 200})
    killed.set_model(Net())
    killed.on_train_begin()
    for epoch in range(100):
        killed.on_epoch_begin(epoch)
        clock.now += 1.0
        killed.on_epoch_end(epoch)
    records, arrays = of_callbacks([killed])
    assert arrays == {}  # the probe batch is not written again and again

    clock.now = 5.0  # another process, another clock
    again, _ = made(clock, cost=0.1, trace=0.1)
    again.set_params({"epochs": 200})
    again.set_model(Net())
    again.on_train_begin()
    put_back([again], Saved(arrays, {"callbacks": records}))
    for epoch in range(100, 200):
        if epoch > 100:  # killed within an epoch, that epoch does not begin again
            again.on_epoch_begin(epoch)
        clock.now += 1.0
        again.on_epoch_end(epoch)
    again.on_train_end()
    assert again.probed == whole.probed
    assert again.skipped == whole.skipped
    assert again.seconds == pytest.approx(whole.seconds)


def test_long_lists_of_epochs_are_cut() -> None:
    assert monitor._ranges([]) == ""
    assert monitor._ranges([0, 1, 2, 5, 7, 8]) == "0-2, 5, 7-8"
    assert monitor._ranges([*range(0, 100, 2)]).endswith("36, 38 and 30 more")


REPLICAS = """
import sys
import keras, numpy as np, tensorflow as tf
from recipe.training.monitor import Monitor

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
x, y = np.random.default_rng(0).normal(size=(2, 16, 4)).astype("f4")
ends = []
for callbacks in ([], [Monitor(sys.argv[1], x, y)]):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, "tanh", name="a")])
        model.compile("adam", "mse", jit_compile=False)
    first = model.get_weights()
    model.fit(x, y, batch_size=8, epochs=1, verbose=0, callbacks=callbacks)
    ends.append(model.get_weights())
assert all(np.array_equal(a, b) for a, b in zip(*ends))
np.savez(sys.argv[2], *first, x, y)
"""


@pytest.mark.slow
def test_replicas_are_measured_like_one(tmp_path: Path) -> None:
    saved = tmp_path / "saved.npz"
    command = [sys.executable, "-W", "ignore", "-c", REPLICAS, str(tmp_path / "log"), str(saved)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    kernel, bias, x, y = np.load(saved).values()
    alone = keras.Sequential([keras.Input((4,)), layers.Dense(4, "tanh", name="a")])
    alone.compile("adam", "mse", jit_compile=False)
    alone.set_weights([kernel, bias])
    batch = (tf.constant(x), tf.constant(y))
    expected = step_of(alone, batch)[0](batch, False).scalars
    said = {tag: float(points[0][1]) for tag, points in tensors(tmp_path / "log").items()
            if tag in expected}  # fmt: skip
    assert said == pytest.approx(expected, rel=1e-5)
