"""Before the first step, the layers: do they learn, do they differ, do they bend, what norms them?

Numbers of rules are those of the table in `docs/doctor.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from scipy import stats

from recipe.doctor.change import Change, kernels
from recipe.doctor.flow import KERNELS, Flow, activation_of, tensors
from recipe.doctor.subject import Subject
from recipe.doctor.suspect import Suspect
from recipe.findings import listed

PRE = "before"

GAIN = (0.12, 4.0)
"""Rule 12: std times the root of the fan-in, between which signals neither fade nor explode."""

FROZEN = 0.5
"""Rule 16: share of the body's weights that don't learn."""

FEW_IN_BATCH = 8
"""Rule 13: examples in a batch norm's batch."""


def of_layers(subject: Subject, flow: Flow) -> Iterator[Suspect]:
    """All suspicions of layers, in no order."""
    yield from frozen(subject, flow)
    yield from initial_weights(flow)
    yield from linear_layers(flow)
    yield from norms(subject, flow)


def frozen(subject: Subject, flow: Flow) -> Iterator[Suspect]:
    """Rule 16: weights that don't learn, and that nobody has trained before."""
    heads = [call.layer for call in flow.heads if call is not None]
    body = [layer for layer in once(flow) if layer not in heads and layer.weights]
    count = sum(_size(v) for layer in body for v in kernels(layer))
    still = [v for layer in body for v in kernels(layer) if not v.trainable]
    drawn = [_is_fresh(layer, v) for layer in body for v in kernels(layer) if not v.trainable]
    share = sum(map(_size, still)) / count if count else 0.0
    everything = not subject.model.trainable_weights
    if not everything and (share <= FROZEN or not all(drawn)):
        return
    layers = [layer for layer in [*body, *heads] if not layer.trainable]
    said = "no weight learns" if everything else f"{share:.0%} of the hidden weights don't learn"
    if all(drawn):
        said += ", and they are as drawn: nothing was learnt before"
    yield Suspect(
        "frozen_layers", "error", PRE, said, share,
        f"at most {FROZEN:.0%}, or weights that were trained before", "diagnosis rule 16",
        "trainable = True, or load the weights that were meant", {},
        Change(settings=tuple((layer, "trainable", True) for layer in layers)),
        is_certain=everything,  # else random features may do: a wide layer of them often does
    )  # fmt: skip


def stuck(flow: Flow) -> Iterator[Suspect]:
    """Rule 16, where a net is ill: hidden weights that don't learn, whoever has trained them."""
    layers = [each for each in once(flow) if kernels(each) and not each.trainable]
    if layers:
        yield Suspect(
            "frozen_layers", "error", PRE,
            f"the weights of {listed([layer.name for layer in layers])} don't learn", len(layers),
            "weights that suit these examples, or learn", "diagnosis rule 16",
            "trainable = True, at a low learning rate where they were trained before", {},
            Change(settings=tuple((layer, "trainable", True) for layer in layers)),
        )  # fmt: skip


def initial_weights(flow: Flow) -> Iterator[Suspect]:
    """Rule 12: kernels that are all alike, or so small or large that the signal dies or bursts."""
    heads = {id(call.layer) for call in flow.heads if call is not None}
    alike, off = [], []
    for layer in once(flow):
        if not isinstance(layer, KERNELS) or id(layer) in heads:
            continue
        kernel = np.asarray(kernels(layer)[0].numpy(), np.float64)
        columns = kernel.reshape(-1, kernel.shape[-1])
        if kernel.shape[-1] > 1 and (columns == columns[:, :1]).all():
            alike.append(layer)
        elif kernel.size > 8:
            gain = float(kernel.std() * np.sqrt(columns.shape[0]))
            if not GAIN[0] <= gain <= GAIN[1]:
                off.append((layer, gain))
    layers = alike or [layer for layer, _ in off]
    if not layers:
        return
    names = listed([layer.name for layer in layers])
    said = (
        f"the units of {names} all start alike, so they stay alike" if alike
        else f"the weights of {names} are drawn {off[0][1]:.2g} wide, times the root of the fan-in"
    )  # fmt: skip
    yield Suspect(
        "bad_init", "error", PRE, said, 0.0 if alike else off[0][1],
        f"units that differ, and {GAIN[0]:g} to {GAIN[1]:g}",
        "diagnosis rule 12; He et al. 2015; Glorot and Bengio 2010",
        "he_normal before ReLU-like activations, else glorot_uniform",
        {"model.kernel_initializer": "auto"},
        Change(drawn=tuple((layer, None) for layer in layers)),
    )  # fmt: skip


def linear_layers(flow: Flow) -> Iterator[Suspect]:
    """Rule 11: two layers with kernels and nothing between that bends are one layer."""
    heads = {id(call.layer) for call in flow.heads if call is not None}
    found, hidden = [], 0
    for call in flow.kernels:
        if not isinstance(call.layer, KERNELS) or id(call.layer) in heads:
            continue
        hidden += 1
        if activation_of(call.layer) not in ("linear", None):
            continue
        following = flow.next_kernels(call)
        if following and not _is_bottleneck(call, following):
            found.append(call.layer)
    if not found:
        return
    layers = list({id(layer): layer for layer in found}.values())
    relu = keras.activations.get("relu")
    yield Suspect(
        "missing_activation", "error", PRE,
        f"{listed([layer.name for layer in layers])}: no activation before the next kernel, so "
        f"that both are one linear layer", len(layers), "an activation between kernels",
        "diagnosis rule 11", "activation='relu' in the hidden layers",
        {"model.activation": "relu"},
        Change(
            settings=tuple((layer, "activation", relu) for layer in layers),
            drawn=tuple((layer, "he_normal") for layer in layers),
        ),
        is_certain=len(layers) == hidden and hidden > 0,
    )  # fmt: skip


def norms(subject: Subject, flow: Flow) -> Iterator[Suspect]:
    """Rules 13 and 14: batch norm over few examples; batch norm behind dropout."""
    kind = keras.layers.BatchNormalization
    calls = [call for call in flow.calls if isinstance(call.layer, kind)]
    if not calls:
        return
    size = min(subject.batch_size, subject.examples)
    if size < FEW_IN_BATCH:
        yield Suspect(
            "bn_small_batch", "warning", PRE, f"batch norm over batches of {size}", size,
            f"{FEW_IN_BATCH} at least", "diagnosis rule 13; Wu and He 2018, figure 1",
            "a batch of 32, or layer or group norm", {"train.batch_size": 32},
            Change(batch_size=32), is_certain=size < 4,
        )  # fmt: skip
    dropout = (keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D)
    for call in flow.calls:
        if isinstance(call.layer, dropout) and call.layer.rate:
            behind = [each.layer for each in flow.after(call) if isinstance(each.layer, kind)]
            if behind:
                drops = [each.layer for each in flow.calls if isinstance(each.layer, dropout)]
                yield Suspect(
                    "dropout_before_bn", "warning", PRE,
                    f"the dropout {call.layer.name!r} changes the variance that "
                    f"{behind[0].name!r} learns", call.layer.rate, "no dropout before a batch norm",
                    "diagnosis rule 14; Li et al. 2019", "dropout after the last batch norm",
                    {"model.dropout_position": "last"},
                    Change(settings=tuple((layer, "rate", 0.0) for layer in drops)),
                )  # fmt: skip
                return


def _size(variable: Any) -> int:
    return int(np.prod(variable.shape))


def _is_fresh(layer: Any, variable: Any) -> bool:
    """Whether weights look as their layer's initializer draws them; training changes that."""
    given = getattr(layer, "kernel_initializer", None)
    values = np.asarray(variable.numpy(), np.float64).ravel()
    if given is None or values.std() == 0:
        return values.std() == 0
    again = type(given).from_config(given.get_config())
    drawn = np.asarray(again(variable.shape), np.float64).ravel()
    return bool(stats.ks_2samp(values[:5000], drawn[:5000]).pvalue > 1e-3)


def _is_bottleneck(call: Any, following: list[Any]) -> bool:
    """A layer that is narrower than what stands on both its sides says so on purpose."""
    units = call.output.shape[-1]
    before = tensors(call.inputs)[0].shape[-1]
    return units < before and all(units < each.output.shape[-1] for each in following)


def once(flow: Flow) -> list[Any]:
    """The layers, each of them once, in the order of their calls."""
    return [*{id(call.layer): call.layer for call in flow.calls}.values()]
