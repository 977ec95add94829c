"""The whole doctor on small programs; the fault benchmark has a hundred (`make bench-doctor`)."""

import ast
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import recipe.doctor as package
from recipe.config import Config
from recipe.doctor import Diagnosis, Monitor, diagnose
from recipe.doctor.chain import EXPLAINED
from recipe.doctor.randomness import kept_randomness
from recipe.doctor.subject import subject_of
from recipe.doctor.suspect import ORDER, SYMPTOMS

Program = tuple[keras.Model, Any, Any, dict[str, Any]]
SPARSE = "sparse_categorical_crossentropy"


def blobs(count: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """Three classes in four numbers, apart from each other."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, count)
    x = rng.normal(0, 0.6, (count, 4)) + np.eye(4)[y] * 3 - 0.75
    return x.astype(np.float32), y


def net(*hidden: Any, head: Any = None, loss: Any = SPARSE, optimizer: Any = None) -> keras.Model:
    layers = [keras.Input((4,)), *(hidden or [keras.layers.Dense(16, "relu")])]
    model = keras.Sequential([*layers, head or keras.layers.Dense(3, "softmax")])
    model.compile(optimizer or keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model


def fit(**given: Any) -> dict[str, Any]:
    return {"epochs": 6, "batch_size": 16, **given}


def sound() -> Program:
    return net(), *blobs(), fit()


def unscaled() -> Program:
    x, y = blobs()
    x[:, 0] *= 3000
    return net(optimizer=keras.optimizers.SGD(0.01)), x, y, fit()


def logits() -> Program:
    return net(head=keras.layers.Dense(3)), *blobs(), fit()


def positions_from_one() -> Program:
    x, y = blobs()
    return net(), x, y + 1, fit()


def gaps() -> Program:
    x, y = blobs()
    x[7, 2] = np.nan
    return net(), x, y, fit()


def crawling() -> Program:
    return net(optimizer=keras.optimizers.Adam(1e-7)), *blobs(), fit()


def all_zeros() -> Program:
    return net(keras.layers.Dense(16, "relu", kernel_initializer="zeros")), *blobs(), fit()


def frozen() -> Program:
    keras.utils.set_random_seed(0)  # so few random features, and so deep, that they do not do
    body = [keras.layers.Dense(6, "relu", trainable=False) for _ in range(4)]
    return net(*body), *blobs(), fit()


def without_activation() -> Program:
    return net(keras.layers.Dense(16), keras.layers.Dense(16)), *blobs(), fit()


SICK = {
    unscaled: "unscaled_input",
    logits: "logits_mismatch",
    positions_from_one: "label_encoding",
    gaps: "nan_input",
    crawling: "lr_too_low",
    frozen: "frozen_layers",
}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    keras.utils.set_random_seed(1)


def asked(program: Program, budget_s: float = 12.0) -> Diagnosis:
    model, x, y, arguments = program
    return diagnose(model, x, y, budget_s=budget_s, **arguments)


@pytest.mark.parametrize("build", SICK, ids=lambda build: build.__name__)
def test_what_is_wrong_is_named(build: Callable[[], Program]) -> None:
    diagnosis = asked(build())
    assert diagnosis.causes == {SICK[build]}
    assert build is not unscaled or "high_initial_loss" in diagnosis.symptoms
    first = diagnosis.findings[0]
    assert first.severity in ("error", "warning")
    assert first.message
    assert first.prescription
    for finding in diagnosis.findings:
        for key, value in finding.change.items():
            Config().replace({key: value})  # is a change that a config understands


def test_who_is_sound_is_left_alone() -> None:
    diagnosis = asked(sound())
    assert diagnosis.causes == set()
    assert diagnosis.symptoms == set()
    assert diagnosis.score > 0.9


def test_nothing_is_left_behind() -> None:
    model, x, y, arguments = unscaled()
    model.fit(x[:32], y[:32], epochs=1, verbose=0)
    before = [np.array(v.numpy()) for v in [*model.variables, *model.optimizer.variables]]
    said, drawn = dict(vars(model)), (random.random(), np.random.random(), tf.random.uniform(()))
    keras.utils.set_random_seed(3)
    expected = random.random(), np.random.random(), float(tf.random.uniform(()))
    keras.utils.set_random_seed(3)
    diagnose(model, x, y, **arguments)
    after = random.random(), np.random.random(), float(tf.random.uniform(()))
    assert after == expected != drawn
    now = [v.numpy() for v in [*model.variables, *model.optimizer.variables]]
    for one, other in zip(before, now, strict=True):
        np.testing.assert_array_equal(one, other)
    assert vars(model).keys() == said.keys()
    assert all(vars(model)[name] is value for name, value in said.items())


def test_randomness_is_kept_where_nobody_has_set_a_seed() -> None:
    with kept_randomness():
        keras.utils.set_random_seed(5)
        inner = random.random()
    assert random.random() != inner


def test_without_time_only_what_needs_no_trial_is_named() -> None:
    diagnosis = asked(crawling(), budget_s=0.0)
    assert "lr_too_low" not in diagnosis.causes
    assert any("would take too long" in note for note in diagnosis.notes)
    assert asked(gaps(), budget_s=0.0).causes == {"nan_input"}


def test_a_stream_is_read_as_arrays() -> None:
    model, x, y, arguments = logits()
    stream = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    assert diagnose(model, stream, epochs=arguments["epochs"]).causes == {"logits_mismatch"}


def test_the_monitor_looks_on() -> None:
    model, x, y, arguments = logits()
    plain, watched = keras.models.clone_model(model), Monitor(x, y)
    plain.set_weights(model.get_weights())
    plain.compile(keras.optimizers.Adam(0.01), SPARSE)
    histories = []
    for each, callbacks in ((plain, []), (model, [watched])):
        keras.utils.set_random_seed(2)
        histories.append(
            each.fit(x, y, verbose=0, callbacks=callbacks, **arguments).history["loss"]
        )
    assert histories[0] == histories[1]
    assert watched.diagnosis is not None
    assert watched.diagnosis.causes == {"logits_mismatch"}
    assert "logits_mismatch" in str(watched.diagnosis)


def test_the_monitor_breaks_no_training() -> None:
    model, x, y, arguments = sound()
    watched = Monitor(["no", "numbers"], y)
    model.fit(x, y, verbose=0, callbacks=[watched], **arguments)
    assert watched.diagnosis is not None
    assert "could not be looked at" in watched.diagnosis.notes[0]


class Squeezed(keras.Model):
    """Adds its loss itself: there are no targets."""

    def __init__(self) -> None:
        super().__init__()
        self.code, self.out = keras.layers.Dense(2, "relu"), keras.layers.Dense(4)

    def call(self, x: Any) -> Any:
        again = self.out(self.code(x))
        self.add_loss(keras.ops.mean((again - x) ** 2))
        return again


def test_a_model_without_targets_is_not_blamed_for_it() -> None:
    model = Squeezed()
    model.compile(keras.optimizers.Adam(0.01))
    diagnosis = diagnose(model, blobs()[0], **fit())
    assert diagnosis.causes == set()
    assert "first_step" not in {finding.check for finding in diagnosis.findings}
    assert np.isnan(diagnosis.score)  # nobody can tell what it should know


class OwnStep(keras.Model):
    """Trains itself, and was compiled without a loss."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = keras.layers.Dense(16, "relu"), keras.layers.Dense(3)

    def call(self, x: Any) -> Any:
        return self.out(self.hidden(x))

    def train_step(self, data: Any) -> Any:
        x, y = data
        with tf.GradientTape() as tape:
            found = keras.losses.sparse_categorical_crossentropy(y, self(x), from_logits=True)
            loss = keras.ops.mean(found)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))  # noqa: B905
        return {"loss": loss}


def test_a_training_step_of_its_own_is_taken() -> None:
    model = OwnStep()
    model.compile(keras.optimizers.Adam(0.01))
    x, y = blobs()
    diagnosis = diagnose(model, x, y, batch_size=16, epochs=8)
    assert "first_step" not in {finding.check for finding in diagnosis.findings}
    assert "can't be computed outside of fit" in diagnosis.notes[0]
    assert diagnosis.causes == set()


def test_words_are_read_as_fit_reads_them() -> None:
    read = subject_of(net(), tf.constant(["good", "bad"]), np.array([1, 0]))
    assert read.x.tolist() == ["good", "bad"]


X, Y = blobs(20)


@pytest.mark.parametrize(
    ("model", "x", "y", "said"),
    [
        pytest.param(keras.Sequential([keras.Input((4,))]), X, Y, "is not compiled",
                     id="no compile"),
        pytest.param(net(), X[:0], Y[:0], "there is no example", id="nothing"),
        pytest.param(net(), X, Y[:5], "x and y have 5 and 20 examples", id="too few targets"),
        pytest.param(net(), X[:, :3], Y, "expected axis -1 of input shape", id="another width"),
        pytest.param(net(), X, np.array(list("abc"))[Y], "The targets are words", id="words"),
    ],
)  # fmt: skip
def test_what_can_not_even_begin_is_a_finding(model: Any, x: Any, y: Any, said: str) -> None:
    diagnosis = diagnose(model, x, y)
    assert "no_learning" in diagnosis.symptoms
    assert any(said in finding.message for finding in diagnosis.findings)


def prescribed() -> list[tuple[str, Any]]:
    """Each config change that stands in the doctor's code; of computed ones, the key."""
    found = []
    for path in Path(package.__file__).parent.glob("*.py"):
        dicts = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Dict)]
        for key, value in [pair for each in dicts for pair in zip(each.keys, each.values)]:  # noqa: B905
            name = getattr(key, "value", None)
            if isinstance(name, str) and name.split(".")[0] in ("data", "model", "train"):
                is_plain = isinstance(value, ast.Constant | ast.List)
                found.append((name, ast.literal_eval(value) if is_plain else None))
    return found


@pytest.mark.parametrize(("key", "value"), prescribed())
def test_a_prescription_is_a_change_that_a_config_takes(key: str, value: Any) -> None:
    config = Config()
    config.replace({key: config.get(key) if value is None else value})


def test_codes_are_those_of_the_list() -> None:
    assert len(ORDER) == 30
    assert not set(ORDER) & SYMPTOMS
    assert set(EXPLAINED) | {code for codes in EXPLAINED.values() for code in codes} <= set(ORDER)


class Sends(keras.callbacks.Callback):
    """Somebody's own."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        raise AssertionError("trainings that nobody asked for must not send anything")


def test_callbacks_that_might_write_or_send_are_left_out_and_noted() -> None:
    model, x, y, arguments = gaps()
    callbacks = [Sends(), keras.callbacks.TerminateOnNaN()]
    notes = diagnose(model, x, y, budget_s=0.0, callbacks=callbacks, **arguments).notes
    assert any("trained without Sends, which" in note for note in notes)
