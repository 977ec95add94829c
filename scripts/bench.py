"""Measures how fast a training is, as ratios to a named other in the same run: `make bench`.

Both sides of a row train the same net with the same batch, validation and epoch-level callbacks,
unless its name says otherwise; the clock is CPU time, the bars are for two cores. How a side is
run is in `sides.py`, how rounds become rows in `ratios.py`. Written are
`runs/bench/training.json` and the figures in `docs/performance.md`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ratios import Part, Row, Seconds, Sides, hash_of, interleaved, middle, run, shares

from recipe.config import Config
from recipe.runs.console import native_noise_hidden

with native_noise_hidden():
    import tensorflow as tf
    from sides import (
        Turns,
        digits_mlp,
        epoch_of,
        ours,
        scikit_learn,
        small_cnn,
        stock,
        usual_mlp,
        whole,
        wide_mlp,
    )

    from recipe.runs.tensorboard import Board
    from recipe.training import LogEpochs, new_model, prepare_runtime, steps_per_epoch
    from recipe.training.dynamics import Dynamics
    from recipe.training.fast_path import xla_pays
    from recipe.training.monitor import Monitor

HERE = Path(__file__).resolve().parent

EPOCHS = 20
"""Of a whole training."""

LONG = 62.0
"""Seconds of the training that is watched: the bar is for 60 and more."""


def main() -> int:
    """Measure, print and write; 1 if a bar is not met."""
    prepare_runtime(None)
    tf.random.set_seed(0)  # Keras's fit shuffles by TensorFlow's generator
    return run(
        PARTS,
        result=Path("runs/bench/training.json"),
        page=HERE.parent / "docs" / "performance.md",
        code=hash_of("recipe.training", *(HERE / f"{name}.py" for name in ("bench", "sides"))),
        about="Measure the speed of training, as ratios.",
    )


# ---- the parts ----------------------------------------------------------------------------------


def after_a_warm_up(sides: dict[str, Callable[[], Seconds]], rounds: int) -> Sides:
    """The first round is not counted: it traces, and a process does everything once."""
    with native_noise_hidden():
        interleaved(sides, 1)
        return interleaved(sides, rounds)


def digits(rounds: int) -> Sides:
    """Epochs of the digits MLP."""
    task, longer = digits_mlp(epochs=7), digits_mlp(epochs=13)
    steps = steps_per_epoch(task[0], len(task[1].train))
    sides = {
        "fit": epoch_of(stock(*task)),
        # without XLA: Keras refuses it where operations are deterministic
        "fit, one call": epoch_of(stock(*task, steps_per_execution=steps)),
        "fit, tf.data": epoch_of(stock(*task, is_tf_data=True, steps_per_execution=steps)),
        "ours": epoch_of(ours(*longer)),
        "ours, XLA": epoch_of(ours(*longer, jit=True)),
        "scikit-learn": scikit_learn(*task),
    }
    measured = after_a_warm_up(sides, rounds)
    better = min("fit, one call", "fit, tf.data", key=lambda name: middle(measured[name]).cpu)
    return {**measured, "fit, better": measured[better]}


def training(rounds: int) -> Sides:
    """Whole trainings of the digits MLP."""
    task = digits_mlp(EPOCHS)
    return after_a_warm_up(
        {
            "fit": whole(stock(*task, is_fresh=True)),
            "ours": whole(ours(*task)),
            "ours, again": whole(ours(*task), is_cold=False),
            "ours, XLA": whole(ours(*task, jit=True)),
            "ours, XLA, again": whole(ours(*task, jit=True), is_cold=False),
        },
        rounds,
    )


def wide(rounds: int) -> Sides:
    """Epochs of the wide MLP."""
    config, data = wide_mlp(epochs=3)
    sides = {
        "fit": epoch_of(stock(config, data)),
        "ours": epoch_of(ours(config, data)),
        "ours, XLA": epoch_of(ours(config, data, jit=True)),
    }
    measured = after_a_warm_up(sides, rounds)
    steps = Config().train.epochs * steps_per_epoch(config, len(data.train))
    auto = "ours, XLA" if xla_pays(new_model(config, data, 0), steps) else "ours"
    return {**measured, "ours, auto": measured[auto]}


def cnn(rounds: int) -> Sides:
    """Epochs of the small CNN."""
    task = small_cnn(epochs=5)
    return after_a_warm_up({"fit": epoch_of(stock(*task)), "ours": epoch_of(ours(*task))}, rounds)


def logged(rounds: int) -> Sides:
    """Two trainings that take turns, an epoch each; a round is an equal share of their epochs.

    So a machine that slows down for a second slows down both, and one percent shows.
    """
    config, data = usual_mlp(epochs=1_000_000)  # until the time is up

    def nothing(turns: Turns) -> None:
        ours(config, data)([turns.callback("nothing")])

    def everything(turns: Turns) -> None:
        # as the stages do (recipe/stages/watch.py)
        with tempfile.TemporaryDirectory() as home:
            boards = [Board(Path(home, name)) for name in ("train", "validation", "inference")]
            probe, fixed = data.train.drawn(128), data.val.drawn(64)
            watched = [
                LogEpochs(*boards),
                Monitor(
                    boards[0], probe.x, probe.y,
                    examples=len(data.train), clock=lambda: turns.clock("everything"),
                ),
                Dynamics(fixed.x, fixed.y, data.task),
            ]  # fmt: skip
            train = ours(config, data, sample=data.train.drawn(len(data.val)))
            train([turns.callback("everything"), *watched])

    with native_noise_hidden():
        ours(config.replace({"train.epochs": 1}), data)([])  # a process does everything once
        laps = Turns({"everything": everything, "nothing": nothing}, LONG).take()
    return {name: shares(each, rounds) for name, each in laps.items()}


EPOCH = "digits MLP, steady epoch: "
WHOLE = f"digits MLP, whole training of {EPOCHS} epochs, built and traced: "
CNN = "CNN of 16 and 32 filters on 28x28, steady epoch: "
WIDE = "MLP 784-256-128-10 on 60,000 rows, steady epoch: "

PARTS: dict[str, Part] = {
    "digits": Part(
        digits,
        (
            Row(f"{EPOCH}ours, to fit", "fit", "ours", 8.0),
            Row(f"{EPOCH}ours, to fit, by the wall clock", "fit", "ours", clock="wall"),
            Row(f"{EPOCH}ours with XLA, to fit", "fit", "ours, XLA"),
            Row(f"{EPOCH}fit with steps_per_execution, to fit", "fit", "fit, one call"),
            Row(f"{EPOCH}the same from tf.data, to fit", "fit", "fit, tf.data"),
            Row(f"{EPOCH}ours, to the better of these two", "fit, better", "ours"),
            Row(f"{EPOCH}scikit-learn (no validation), to fit", "fit", "scikit-learn"),
            Row(f"{EPOCH}ours, to scikit-learn (no validation)", "scikit-learn", "ours"),
        ),
    ),
    "training": Part(
        training,
        (
            Row(f"{WHOLE}ours, to fit", "fit", "ours", 3.0),
            Row(f"{WHOLE}ours, to fit, by the wall clock", "fit", "ours", clock="wall"),
            Row(f"{WHOLE}ours, its structure traced before, to fit", "fit", "ours, again"),
            Row(f"{WHOLE}ours with XLA, to fit", "fit", "ours, XLA"),
            Row(f"{WHOLE}ours with XLA, compiled before, to fit", "fit", "ours, XLA, again"),
        ),
    ),
    "wide": Part(
        wide,
        (
            Row(f"{WIDE}ours in 30 epochs with train.jit: auto, to fit", "fit", "ours, auto", 1.8),
            Row(f"{WIDE}ours without XLA, to fit", "fit", "ours"),
            Row(f"{WIDE}ours without XLA, to fit, by the wall clock", "fit", "ours", clock="wall"),
            Row(f"{WIDE}ours with XLA, to fit", "fit", "ours, XLA"),
        ),
    ),
    "cnn": Part(cnn, (Row(f"{CNN}ours, to fit", "fit", "ours", 1.0),)),
    "logged": Part(
        logged,
        (
            Row(
                "MLP 64-64-64-10 on 20,000 rows, whole training of 60 s: everything logged and "
                "monitored, to nothing logged",
                "nothing", "everything", 0.971,  # 1 / 1.03
            ),
        ),
        is_whole=True,
    ),
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
