"""Random trainings, each made twice: by our `fit` and by a plain `keras.Model.fit`.

    python -m tests.training.random_configs FIRST END

`make test` draws 20 of them, `make proof ONLY=fast-path` 100. Before ours, a net that differs in
amounts only is trained at times: what is left of it in the shared graph must change nothing.
"""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from recipe.config import Config, ModelConfig, Task
from recipe.data import Dataset
from recipe.models.families import cnn, mlp
from recipe.training import KeepBest, StopAt, batch_size, fit, new_model, prepare_runtime
from recipe.training.batches import column, order_of
from recipe.training.objective import example_weights
from recipe.training.trace import structure
from tests.training.tiny import config, dataset

OPTIMIZERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "clipvalue": 0.5}),
    ("AdamW", {}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"momentum": 0.5, "global_clipnorm": 0.3}),
    ("SGD", {}),
    ("RMSprop", {"momentum": 0.3, "centered": True}),
    ("Adagrad", {}),
    ("Adadelta", {}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Ftrl", {}),
    ("Lion", {}),
    ("Adafactor", {}),
    ("Lamb", {}),  # which `keras.optimizers.get` does not know
    ("Muon", {}),
    ("ScheduleFreeAdamW", {"warmup_steps": 3}),
)

MORE: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"clipnorm": 0.2},
    {"ema_momentum": 0.6},
    {"ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 2},
    {"loss_scale_factor": 8.0},
)
"""What any optimizer takes; dropped where it excludes an argument of its own.

An optimizer with a momentum averages weights: Keras's `use_ema`, which a config says otherwise.
"""

AMOUNTS = (
    "model.dropout", "model.l2", "model.noise.input", "model.noise.activation",
    "train.weight_decay", "train.label_smoothing",
)  # fmt: skip
"""Keys whose values are no part of a net's graph, as long as they are above zero."""


def augmented(x: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """Images that are turned and moved in training."""
    x = keras.layers.RandomFlip()(x)
    x = keras.layers.RandomTranslation(0.2, 0.2)(x)
    x = keras.layers.RandomContrast(0.3)(x)
    return cnn(x, config)


def uncommon(x: keras.KerasTensor, config: ModelConfig) -> keras.KerasTensor:
    """Layers and penalties that the shipped families don't have; one layer is used twice."""
    x = keras.layers.Flatten()(x)
    penalty = keras.regularizers.L1(config.l2) if config.l2 else keras.regularizers.L1L2(0.01, 0.02)
    # Keras 3.15 can't add a penalty on outputs of lower precision to a loss in float32
    whole = keras.config.dtype_policy().name == "float32"
    shared = keras.layers.Dense(
        6, "tanh", kernel_regularizer=penalty, kernel_constraint=keras.constraints.MaxNorm(2.0),
        activity_regularizer=keras.regularizers.L2(0.01) if whole else None, name="shared",
    )  # fmt: skip
    x = shared(keras.layers.Dense(6, name="tanh")(x))
    x = x + shared(keras.layers.GaussianDropout(0.2)(x))
    x = keras.layers.Reshape((3, 2))(x)
    if config.dropout:
        x = keras.layers.SpatialDropout1D(config.dropout)(x)
        x = keras.layers.Dropout(config.dropout, noise_shape=(None, 1, 2), seed=7)(x)
    x = keras.layers.Conv1D(4, 2, padding="same", bias_regularizer="l2")(x)
    inner = keras.Sequential([keras.layers.Flatten(), keras.layers.AlphaDropout(0.1)])
    return mlp(inner(x), config)


@dataclass(frozen=True)
class Case:
    """One training."""

    config: Config
    data: Dataset
    seed: int
    policy: str
    """Of Keras, while the net is built."""

    stays: bool
    """Whether the policy is the same while it is trained."""

    schedule: keras.optimizers.schedules.LearningRateSchedule | None
    callbacks: Callable[[], list[keras.callbacks.Callback]]
    validates: bool
    sibling: Config | None
    """Trained before it, in the same graph."""

    def model(self, config: Config) -> keras.Model:
        """A new net, compiled; the same one every time."""
        with policy(self.policy):
            optimizer: Any = config.train.optimizer
            if optimizer.class_name == "Lamb":
                model = new_model(config.replace({"train.optimizer": "adam"}), self.data, self.seed)
                lamb = keras.optimizers.Lamb(config.train.learning_rate, **optimizer.config)
                model.compile(lamb, model.loss, metrics=["mae"], jit_compile=False)
            else:
                model = new_model(config, self.data, self.seed)
        inner = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        inner.use_ema = "ema_momentum" in optimizer.config
        if self.schedule is not None:
            inner.learning_rate = self.schedule
        return model


@contextlib.contextmanager
def policy(name: str) -> Iterator[None]:
    """Keras's dtype policy, for as long as this lasts."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


class Rows(keras.callbacks.Callback):
    """What a CSVLogger would write, with the learning rate and the weights of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []
        self.rates: list[float] = []
        self.weights: list[list[bytes]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.rows.append(dict(logs))
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        self.rates.append(float(rate))
        self.weights.append([weight.numpy().tobytes() for weight in self.model.variables])


def case(seed: int) -> Case:
    """Draw a training."""
    rng = np.random.default_rng(seed)

    def one_of(*choices: Any) -> Any:
        return choices[rng.integers(len(choices))]

    def perhaps(value: Any, share: float = 0.35) -> Any:
        return value if rng.random() < share else 0.0

    task = one_of(*Task)
    images = rng.random() < 0.4
    own = f"{__name__}:{'augmented' if images else 'uncommon'}"
    name, arguments = OPTIMIZERS[seed % len(OPTIMIZERS)]
    more = one_of(*MORE)
    if {"clipvalue", "global_clipnorm"} & set(arguments) and "clipnorm" in more:
        more = {}
    one_class = task in (Task.BINARY, Task.MULTICLASS)
    settings = {
        "model.family": one_of("cnn" if images else "mlp", "mlp", own),
        "model.widths": one_of((4,), (5, 4), ()),
        "model.filters": (3,),
        "model.pooling": one_of("gap", "flatten"),
        "model.activation": one_of("relu", "tanh", "leaky_relu"),
        "model.norm": one_of("none", "batch", "layer"),
        "model.norm_position": one_of("pre", "post"),
        "model.dropout": perhaps(0.3),
        "model.dropout_position": one_of("before_norm", "after_norm", "last"),
        "model.l2": perhaps(0.02),
        "model.noise.input": perhaps(0.2, 0.2),
        "model.noise.activation": perhaps(0.2, 0.2),
        "train.optimizer": {"class_name": name, "config": {**arguments, **more}},
        "train.learning_rate": float(10 ** rng.uniform(-3, -1)),
        "train.weight_decay": perhaps(0.05),
        "train.epochs": 2,
        "train.batch_size": one_of(4, 8, 11, "full"),
        "train.label_smoothing": 0.0 if task is Task.REGRESSION else perhaps(0.1),
        "train.class_weight": one_of("none", "balanced") if one_class else "none",
    }
    # drawn apart, so that the cases above stay what they were
    apart = np.random.default_rng([seed, 1])
    falls = ("constant", "constant", "linear", "cosine")[apart.integers(4)]
    ours = {
        "train.schedule": falls,
        "train.warmup": 0.3 if apart.random() < 0.3 else 0.0,
    }
    losses = ("auto", "mean_absolute_error", "huber")
    settings["train.loss"] = losses[seed % 3] if task is Task.REGRESSION else "auto"
    schedules = keras.optimizers.schedules
    schedule = one_of(
        None, None, None, schedules.CosineDecay(0.05, 9, warmup_target=0.1, warmup_steps=3),
        schedules.ExponentialDecay(0.05, 4, 0.7), schedules.PiecewiseConstantDecay([3], [0.1, 0.02])
    )  # fmt: skip
    drawn = config().replace(settings if schedule else settings | ours)
    is_number = schedule is None and set(ours.values()) == {"constant", 0.0}
    changes = {key: drawn.get(key) * 0.7 for key in AMOUNTS if drawn.get(key)}
    changes["train.learning_rate"] = 0.1
    data = dataset(
        task, train=int(one_of(16, 22, 29)), val=12, classes=2 if task is Task.BINARY else 3,
        **({"shape": (6, 6, 1)} if images else {}),
    )  # fmt: skip
    return Case(
        config=drawn,
        data=data,
        seed=int(rng.integers(100)),
        policy=one_of("float32", "float32", "float32", "mixed_bfloat16", "mixed_float16"),
        stays=rng.random() < 0.5,
        schedule=schedule,
        callbacks=_callbacks(int(rng.integers(4)), is_number),
        validates=rng.random() < 0.8,
        sibling=drawn.replace(changes) if rng.random() < 0.4 else None,
    )


def _callbacks(kind: int, has_rate: bool) -> Callable[[], list[keras.callbacks.Callback]]:
    """A function that makes the same callbacks each time."""

    def reached(model: keras.Model, logs: dict[str, float]) -> bool:
        return logs["loss"] < 0.3 or int(model.optimizer.iterations) >= 2

    def made() -> list[keras.callbacks.Callback]:
        keras_own = keras.callbacks
        chosen: list[keras.callbacks.Callback] = [Rows()]
        if kind == 0:
            chosen += [keras_own.EarlyStopping("loss", patience=0, restore_best_weights=True)]
        if kind == 1:
            chosen += [KeepBest("loss", patience=1), StopAt(reached)]
        if kind >= 2 and has_rate:
            rate = keras_own.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
            plateau = keras_own.ReduceLROnPlateau("loss", 0.1, patience=0, min_delta=9, cooldown=1)
            chosen += [rate] if kind == 2 else [plateau]
        return chosen

    return made


class Batches(keras.utils.PyDataset):
    """The batches of our epochs, for Keras's own `fit`."""

    def __init__(self, arrays: list[np.ndarray], size: int, seed: int) -> None:
        super().__init__()
        self.arrays, self.size, self.seed, self.epoch = arrays, size, seed, 0

    def __len__(self) -> int:
        return -(-len(self.arrays[0]) // self.size)

    def __getitem__(self, step: int) -> tuple[np.ndarray, ...]:
        order = order_of(self.seed, self.epoch, len(self.arrays[0]))
        rows = order[step * self.size : (step + 1) * self.size]
        return tuple(array[rows] for array in self.arrays)


def keras_fit(
    model: keras.Model,
    data: Dataset,
    *,
    size: int,
    epochs: int,
    seed: int,
    weights: np.ndarray | None = None,
    validates: bool = True,
    callbacks: list[keras.callbacks.Callback] | None = None,
) -> dict[str, list[float]]:
    """The same training by `keras.Model.fit`, and its history."""
    parts = [data.train.x, column(data.train.y), *([] if weights is None else [weights])]
    batches = Batches(parts, size, seed)
    begin = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: setattr(batches, "epoch", epoch)
    )
    held_out = (data.val.x, column(data.val.y)) if validates else None
    return model.fit(
        batches, epochs=epochs, shuffle=False, verbose=0, callbacks=[begin, *(callbacks or [])],
        validation_data=held_out, validation_batch_size=1024,
    ).history  # fmt: skip


class Looks(keras.callbacks.Callback):
    """Asks to be called after each batch, which sends a training to Keras's own `fit`."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        pass


def differences(seed: int, stock: bool = False) -> list[str]:
    """What is not equal to the bit between our training and Keras's; empty: nothing.

    Args:
        seed: of what is drawn.
        stock: send ours to Keras's own `fit`.
    """
    drawn = case(seed)
    with policy(drawn.policy if drawn.stays else "float32"):
        return _differences(drawn, [Looks()] if stock else [])


def _differences(drawn: Case, more: list[keras.callbacks.Callback]) -> list[str]:
    data, size = drawn.data, batch_size(drawn.config, len(drawn.data.train))
    weights = example_weights(drawn.config, data)
    epochs = drawn.config.train.epochs

    def ours(of: Config, callbacks: list[keras.callbacks.Callback]) -> Any:
        return fit(
            drawn.model(of), data.train, val=data.val if drawn.validates else None,
            weights=weights, batch_size=size, epochs=epochs, seed=drawn.seed, callbacks=callbacks,
        )  # fmt: skip

    if drawn.sibling is not None:
        ours(drawn.sibling, [])
    our_callbacks, their_callbacks = drawn.callbacks(), drawn.callbacks()
    fitted = ours(drawn.config, [*our_callbacks, *more])
    model = drawn.model(drawn.config)
    optimizer: Any = drawn.config.train.optimizer
    if optimizer.class_name == "ScheduleFreeAdamW":
        # it begins with a copy of the weights, which Keras 3.15 loses where it builds it in a graph
        model.optimizer.build(model.trainable_variables)
    history = keras_fit(
        model, data, size=size, epochs=epochs, seed=drawn.seed, weights=weights,
        validates=drawn.validates, callbacks=their_callbacks,
    )  # fmt: skip
    found = [] if bool(fitted.fallback) == bool(more) else [f"fallback: {fitted.fallback}"]
    found += [] if structure(fitted.model) else ["it was not copied"]
    found += unequal("variable", fitted.model.variables, model.variables)
    found += unequal(
        "optimizer variable", fitted.model.optimizer.variables, model.optimizer.variables
    )
    if repr(fitted.history) != repr(history):
        found.append(f"history {fitted.history} != {history}")
    for mine, theirs in zip(our_callbacks, their_callbacks, strict=True):
        for key, value in _plain(mine).items():
            if repr(value) != repr(_plain(theirs)[key]):
                found.append(f"{type(mine).__name__}.{key}")
    return found


def unequal(kind: str, ours: list[Any], theirs: list[Any]) -> list[str]:
    """Variables that differ in a bit."""
    if len(ours) != len(theirs):
        return [f"{len(ours)} {kind}s, not {len(theirs)}"]
    return [
        f"{kind} {other.path}"
        for one, other in zip(ours, theirs, strict=True)
        if _array(one).tobytes() != _array(other).tobytes()
    ]


def _array(value: Any) -> np.ndarray:
    return np.asarray(value.numpy() if hasattr(value, "numpy") else value)


def _plain(callback: keras.callbacks.Callback) -> dict[str, Any]:
    hidden = ("_model", "_params", "params")
    return {
        key: value
        for key, value in vars(callback).items()
        if key not in hidden and not callable(value) and "keras" not in type(value).__module__
    }


def main() -> None:
    """Compare the trainings of some seeds; print what differs, and how many are equal, as JSON."""
    prepare_runtime(1)
    equal, seeds = 0, range(*map(int, sys.argv[1:]))
    for seed in seeds:
        found = differences(seed)
        equal += not found
        print(f"seed {seed}: {found or 'equal'}", flush=True)
    print(json.dumps({"equal": equal, "drawn": len(seeds)}))


if __name__ == "__main__":
    main()
