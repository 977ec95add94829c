"""The one place where weights change: epochs over data that stays in memory as tensors.

`keras.Model.fit` spends most of a small net's epoch outside of the net. Here one compiled call
runs a block of steps: batches are gathered by a seeded permutation inside the graph, and each
step is Keras's own `train_step`. What can't be trained so (`fast_path.py`) goes to Keras's `fit`
with the same batches; callbacks, stops and checkpoints are the same for both.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass

import keras
import numpy as np
import tensorflow as tf

from recipe.data import Split
from recipe.data.stored import Stored
from recipe.runs.console import notice
from recipe.runs.fingerprint import digest
from recipe.training.averaged import averaged
from recipe.training.batches import column, order_of
from recipe.training.checkpoint import Checkpoint
from recipe.training.disturb import UNDISTURBED, Disturbance, Extra, mixed, part_of
from recipe.training.fast_path import why_not_fast
from recipe.training.monitor import Monitor
from recipe.training.nonfinite import NonFinite, find_in_step, first_bad_step
from recipe.training.plan import Plan
from recipe.training.population import examples_for_norms, wants_measured
from recipe.training.session import Session
from recipe.training.stock import fit_stock
from recipe.training.trace import Trace, lend, structure, take, trace_of

BLOCK_STEPS = 1000
"""Steps of one compiled call: what a Ctrl-C waits for, and what a NaN is looked for in."""


@dataclass(frozen=True)
class Fitted:
    """A trained net, and how it went."""

    model: keras.Model
    history: dict[str, list[float]]
    """Keras's logs, one value an epoch: loss, val_loss and so on. `loss` is the mean over the
    steps of an epoch, as they were made; `evaluate` measures what the net knows."""

    non_finite: NonFinite | None = None
    """Where the training broke; None: it ended well."""

    fallback: str | None = None
    """Why Keras's own `fit` trained it; None: it did not."""

    @property
    def diverged(self) -> bool:
        """Whether it ended with a loss that is not finite; it then has no score.

        Earlier weights may have been put back: they are not what was asked for.
        """
        return self.non_finite is not None


def fit(
    model: keras.Model,
    train: Split,
    *,
    batch_size: int,
    epochs: int,
    seed: int,
    val: Split | None = None,
    sample: Split | None = None,
    weights: np.ndarray | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    checkpoint: Checkpoint | None = None,
    jit: bool = False,
    disturbance: Disturbance = UNDISTURBED,
    norms: str = "moving",
    averages: bool = False,
    begin: int = 0,
) -> Fitted:
    """Fit a compiled model to examples in memory.

    Args:
        model: compiled and built; its weights change.
        train: examples to learn from, shuffled anew each epoch.
        batch_size: examples per step; the last batch of an epoch may be smaller.
        epochs: passes over `train`. A loss that is not finite ends the training earlier.
        seed: of the shuffling.
        val: examples to evaluate after each epoch: `val_loss` and so on.
        sample: training examples to evaluate in the same way, in inference mode: `train_loss`
            and so on. `loss` is measured while the net still learns, and with dropout, so it
            can lie above `val_loss` for no reason of the data.
        weights: of the examples in the loss, (examples,); None: 1 for each.
        callbacks: of Keras. Their `self.model` is the net that trains; what is in `model` changes
            at the end. Batch-level hooks send the training to Keras's own `fit`.
        checkpoint: where the training is kept, and goes on from.
        jit: compile with XLA, where the resident epoch trains.
        disturbance: what is mixed or noisy in the steps.
        norms: what batch norms divide by in each validation, as `train.norm_statistics`.
        averages: judge, and let callbacks see, the optimizer's average of the weights.
        begin: how many of `epochs` another training has made, from which this one goes on.

    Raises:
        RequestError: the checkpoint belongs to another training, can't be read or written.
    """
    callbacks = [*callbacks]
    about = {
        "data": f"{len(train)} examples of {train.x.shape[1:]}",
        "batch_size": batch_size,
        "epochs": epochs,
        "seed": seed,
        "callbacks": [type(callback).__name__ for callback in callbacks],
        "net": _net_said(model) if checkpoint else "",
    }
    if disturbance != UNDISTURBED or norms != "moving" or averages:
        about["judged"] = [norms, averages]
        about["disturbed"] = asdict(disturbance)
    plan = Plan(train, val, sample, weights, batch_size, epochs, seed, disturbance, norms, averages)
    session = Session(about, callbacks, checkpoint, begin)
    on_disk = any(isinstance(s.x, Stored) for s in (train, val) if s is not None)
    reason = why_not_fast(model, callbacks, on_disk=on_disk)
    if session.is_done:
        session.restore(model.variables)
        return Fitted(model, session.history, session.non_finite, reason)
    if reason is None:
        _fit_resident(model, plan, session, callbacks, jit)
    else:
        notice(f"trained by Keras's own fit: {reason}")
        fit_stock(model, plan, session, callbacks)
    session.end(model.variables)
    return Fitted(model, session.history, session.non_finite, reason)


def _fit_resident(
    model: keras.Model,
    plan: Plan,
    session: Session,
    callbacks: Sequence[keras.callbacks.Callback],
    jit: bool,
) -> None:
    """Train in compiled blocks of steps."""
    data = _tensors(plan.train, plan.weights)
    held_out = {"train": plan.sample, "val": plan.val}
    evaluated = {name: _tensors(some)[:2] for name, some in held_out.items() if some is not None}
    trace = trace_of(model, data[0], data[1], jit)
    lend(trace)
    net = trace.model
    hooks = keras.callbacks.CallbackList(
        [*callbacks, session], model=net, verbose=0, epochs=plan.epochs, steps=plan.steps
    )
    net.stop_training = False
    hooks.on_train_begin()
    session.restore(trace.state)
    monitors = [callback for callback in callbacks if isinstance(callback, Monitor)]
    logs: dict[str, float] = {}
    while session.epoch < plan.epochs and not session.is_over:
        epoch = session.epoch
        if session.step == 0:
            hooks.on_epoch_begin(epoch)
        started = time.perf_counter()
        order = order_of(plan.seed, epoch, len(plan.train))
        for monitor in monitors:
            monitor.waited(time.perf_counter() - started)
        logs = _run_epoch(trace, data, order, plan, session, jit)
        with averaged(net) if plan.averages else nullcontext():
            if evaluated and wants_measured(net, plan, epoch):
                trace.measure_norms(examples_for_norms(data[0], plan))
            for of, examples in evaluated.items():
                scores = trace.validate(*examples)
                logs |= {f"{of}_{name}": value for name, value in scores.items()}
            hooks.on_epoch_end(epoch, logs)
        session.keep(trace.state)
    # an optimizer that averages weights (`use_ema`) puts the average in place now
    net.optimizer.finalize_variable_values(net.trainable_weights)
    hooks.on_train_end(logs)
    take(trace, model)
    hooks.set_model(model)


def _run_epoch(
    trace: Trace,
    data: tuple[tf.Tensor, tf.Tensor, tf.Tensor | None],
    order: np.ndarray,
    plan: Plan,
    session: Session,
    jit: bool,
) -> dict[str, float]:
    """Make the steps of an epoch that are not yet made; stop where the loss breaks."""
    logs: dict[str, float] = {}
    size = plan.batch_size
    block = len(order) if jit else BLOCK_STEPS * size
    extra = plan.disturbance.of_epoch(session.epoch, plan.steps)
    start = session.step * size
    while start < len(order):
        before = trace.snapshot()
        rows = order[start : start + block]
        here = part_of(extra, session.step, -(-len(rows) // size))
        logs, finite = trace.run(*data, rows, size, start == 0, here)
        if not finite:
            session.non_finite = _find(trace, before, data, rows, size, here, session)
            break
        start += len(rows)
        session.step = -(-start // size)
        if start < len(order):
            session.keep(trace.state)
    return logs


def _find(
    trace: Trace,
    before: list[tf.Tensor],
    data: tuple[tf.Tensor, tf.Tensor, tf.Tensor | None],
    rows: np.ndarray,
    batch_size: int,
    extra: Extra,
    session: Session,
) -> NonFinite:
    """Make the block's steps again, up to the one that broke, and look into that one."""
    after = trace.snapshot()

    def is_bad_after(steps: int) -> bool:
        trace.restore(before)
        some = rows[: steps * batch_size]
        return steps > 0 and not trace.run(*data, some, batch_size, session.step == 0, extra)[1]

    step = first_bad_step(is_bad_after, -(-len(rows) // batch_size))
    is_bad_after(step)
    chosen = rows[step * batch_size : (step + 1) * batch_size]
    batch: tuple[tf.Tensor, ...] = tuple(
        tf.gather(part, chosen) for part in data if part is not None
    )
    if "share" in extra:
        batch = mixed(trace.model, batch, extra["share"][step])
    found = find_in_step(trace.model, batch, session.epoch, session.step + step)
    trace.restore(after)
    return found


def _net_said(model: keras.Model) -> str:
    """What tells a net from others: its structure and amounts, or where it has none its shapes."""
    return digest(structure(model) or [str(variable.shape) for variable in model.variables])


def _tensors(
    split: Split, weights: np.ndarray | None = None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
    given = None if weights is None else tf.constant(weights, tf.float32)
    return tf.constant(split.x), tf.constant(column(split.y)), given
