"""Checks of a block's options: norm, dropout, initializer and activation, in the config alone.

Each rule answers with a finding where it is broken, else with None: `options.py` asks them all.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod, sqrt
from typing import Any

from recipe.checks.asked import Asked
from recipe.config import KerasObject
from recipe.config.policies import RELU_LIKE, S_SHAPED, activation_name, dropout_position
from recipe.findings import Finding, Verdict, advise, judge

WU_HE = "Wu and He 2018, Group Normalization (error on ImageNet by batch size); rule 13"
LI = "Li et al. 2019, variance shift; rule 14 and fact 5"
SIGNAL = (0.05, 20.0)
"""Within which the last layer's output stays, over the input (rule 20)."""

DROPPING = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "AlphaDropout", "GaussianDropout")
EQUAL = ("zeros", "ones", "constant")


def small_batch(asked: Asked, few: int = 8, some: int = 16) -> Finding | None:
    """The mean of a handful of examples says little of all.

    Measured by Wu and He on ImageNet: an error of 23.6 % with 32 examples, 24.8 % with 8, 27.3 %
    with 4 and 34.7 % with 2.
    """
    if not asked.has_batch_norm or asked.batch >= some:
        return None
    told: dict[str, Any] = {
        "message": f"Batch norm's statistics come from {asked.batch} examples a step.",
        "measured": asked.batch,
        "expected": f"at least {some} examples; warns below {few}",
        "source": WU_HE,
        "code": "bn_small_batch",
        "prescription": "model.norm: none"
        if asked.examples < 2 * some
        else "train.batch_size: 32; or model.norm: group",
    }
    if asked.batch < few:
        return judge("batch_norm_batch", Verdict.WARN, **told)
    return advise("batch_norm_batch", **told)


def last_batch(asked: Asked, few: int = 3) -> Finding | None:
    """A last batch of one example has no variance, and it comes right before the validation.

    Measured on digits, batches of 32, three seeds: with one example left over the validation loss
    was up to 40 % higher in late epochs, accuracy the same or up to .6 points lower.
    """
    left = asked.examples % asked.batch
    if not asked.has_batch_norm or not 0 < left <= few:
        return None
    sizes = range(asked.batch, 2 * asked.batch)
    better = next((n for n in sizes if not 0 < asked.examples % n <= few), None)
    return advise(
        "batch_norm_last_batch",
        f"Of {asked.examples:,} examples in batches of {asked.batch}, the last has {left}: batch"
        " norm learns its averages from these too.",
        measured=left,
        expected=f"none left over, or more than {few}",
        source="rule 13; measured",
        code="bn_small_batch",
        prescription=f"train.batch_size: {better}" if better else "train.batch_size: full",
    )


def dropout_before_norm(asked: Asked) -> Finding | None:
    """Dropout changes the variance that the next batch norm learns, and is off when it is used."""
    model = asked.config.model
    where = dropout_position(model)
    early = where == "before_norm" or (where == "after_norm" and len(asked.sizes) > 1)
    dropped = [place for place, name in enumerate(asked.layers) if name in DROPPING]
    listed = dropped and "BatchNormalization" in asked.layers[dropped[0] :]
    blocks = model.norm == "batch" and asked.sizes and model.dropout > 0 and early
    if not (listed or blocks):
        return None
    return judge(
        "dropout_before_batch_norm",
        Verdict.WARN,
        "Dropout stands before a batch norm"
        + ("." if listed or where == "before_norm" else ": that of the next block."),
        measured="model.layers" if listed else where,
        expected="dropout after the last batch norm",
        source=LI,
        code="dropout_before_bn",
        prescription="model.layers: Dropout after the last BatchNormalization"
        if listed
        else "model.dropout_position: auto",
    )


def dropout_rate(asked: Asked, most: float = 0.7, much: float = 0.5) -> Finding | None:
    """A rate is what is dropped; course notes and the paper give what is kept."""
    rate = asked.config.model.dropout
    if rate <= much or not asked.sizes:
        return None
    told: dict[str, Any] = {
        "message": f"{rate:.0%} of the units are dropped. Is {rate:g} a keep probability?",
        "measured": rate,
        "expected": f"at most {much:g}; warns above {most:g}",
        "source": "Srivastava et al. 2014, A.4 (.5 to .8 kept); rule 15 and fact 6",
        "code": "excess_dropout",
        "prescription": f"model.dropout: {1 - rate:.2g}",
    }
    if rate > most:
        return judge("dropout_rate", Verdict.WARN, **told)
    return advise("dropout_rate", **told)


def momentum(asked: Asked, left: float = 0.01) -> Finding | None:
    """An average that remembers its initial value gives wrong validation losses.

    Population statistics make up for it, where the config has them measured.
    """
    given, train = asked.config.model.norm_momentum, asked.config.train
    if given == "auto" or asked.config.model.norm != "batch" or not asked.sizes:
        return None
    if train.norm_statistics != "moving" and train.strategy == "single":
        return None
    remembered = float(given) ** asked.steps
    if remembered <= left:
        return None
    return judge(
        "batch_norm_momentum",
        Verdict.WARN,
        f"After the {asked.steps} steps of the first epoch {remembered:.0%} of batch norm's"
        f" initial averages are left, at a momentum of {given:g}: validation losses are wrong.",
        measured=remembered,
        expected=f"at most {left:.0%} left at the first validation",
        source="fact 7",
        prescription="model.norm_momentum: auto; or train.norm_statistics: auto",
    )


def batch_norm_for_regression(asked: Asked) -> Finding | None:
    """A batch's statistics take out absolute values, and those may be what is asked for.

    Measured: r2 changed by +.002 [-.010, +.014] on diabetes and by +.001 [-.005, +.008] on
    California housing (5 paired seeds, two layers of 64), nothing beyond noise. So it is advice.
    """
    if asked.classes or not asked.has_batch_norm:
        return None
    return advise(
        "batch_norm_for_regression",
        "Batch norm on the way to a quantity: in training each prediction depends on the other"
        " examples of its batch.",
        measured=asked.config.model.norm,
        expected="no batch norm where the absolute scale of the features decides",
        source="the course notes on where it belongs; measured (docs/models.md)",
        prescription="model.norm: none, and compare",
    )


def equal_units(asked: Asked) -> Finding | None:
    """Units that start equal get equal gradients, and stay one unit."""
    given = asked.config.model.kernel_initializer
    name = (given.class_name if isinstance(given, KerasObject) else given).lower()
    if name not in EQUAL or not asked.sizes:
        return None
    return judge(
        "equal_units",
        Verdict.FAIL,
        f"All weights of a layer start with one number ({name}), so its units stay equal: each"
        " layer is as good as one unit.",
        measured=name,
        expected="weights that differ from unit to unit",
        source="Goodfellow et al. 2016, section 8.4; rule 12",
        code="bad_init",
        prescription="model.kernel_initializer: auto",
    )


def initial_signal(asked: Asked) -> Finding | None:
    """Each layer passes on a share of its input's size; over many layers it fades or explodes."""
    ratio = initial_ratio(asked)
    if ratio is None or SIGNAL[0] <= ratio <= SIGNAL[1]:
        return None
    return judge(
        "initial_signal",
        Verdict.WARN,
        f"With {asked.config.model.kernel_initializer} before {asked.config.model.activation}, what"
        f" the last of {len(asked.sizes)} layers puts out is {ratio:.1g} times as large as the"
        " input.",
        measured=ratio,
        expected=f"between {SIGNAL[0]:g} and {SIGNAL[1]:g} times",
        source="He et al. 2015, equation 9; rule 20",
        code="bad_init",
        prescription="model.kernel_initializer: auto; or model.norm: batch",
    )


def initializer_fits(asked: Asked) -> Finding | None:
    """Each initializer was derived for one kind of activation; a norm makes up for the rest."""
    given, name = asked.config.model.kernel_initializer, activation_name(asked.config.model)
    if not isinstance(given, str) or asked.is_normed_first or not asked.sizes:
        return None
    kind = given.partition("_")[0]
    wanted = {"selu": "lecun"} | dict.fromkeys(RELU_LIKE, "he") | dict.fromkeys(S_SHAPED, "glorot")
    fits = wanted.get(name) in (None, kind) or (name in S_SHAPED and kind == "lecun")
    if kind not in ("he", "glorot", "lecun") or fits or _fades(asked):
        return None
    return advise(
        "initializer_fits",
        f"{given} was not derived for {name}: a layer's output has"
        f" {'half' if name in RELU_LIKE else 'twice' if kind == 'he' else 'not'} the variance that"
        " was meant.",
        measured=given,
        expected=f"{wanted[name]} for {name}",
        source="Glorot and Bengio 2010; He et al. 2015; Klambauer et al. 2017; rule 12",
        code="bad_init",
        prescription="model.kernel_initializer: auto",
    )


def steep_enough(asked: Asked, most: int = 4) -> Finding | None:
    """A sigmoid's slope is at most a quarter, so gradients shrink at least so in each layer."""
    model = asked.config.model
    depth = len(asked.sizes)
    name = activation_name(model)
    if name not in ("sigmoid", "hard_sigmoid") or depth <= most:
        return None
    if model.norm != "none" or model.residual or model.family == "resnet":
        return None
    slope = 0.25 if name == "sigmoid" else 1 / 6
    return judge(
        "sigmoid_depth",
        Verdict.WARN,
        f"{depth} layers of {name}: the gradient in the first is at most {slope**depth:.0e} of the"
        " last, for weights of the usual size.",
        measured=depth,
        expected=f"at most {most} layers, so that a thousandth gets through",
        source="Glorot and Bengio 2010; rule 21",
        code="vanishing_gradient",
        prescription="model.activation: relu; or model.norm: batch",
    )


def curved(asked: Asked) -> Finding | None:
    """Linear layers one after the other are one linear layer."""
    if activation_name(asked.config.model) != "linear" or not asked.sizes:
        return None
    return judge(
        "linear_layers",
        Verdict.WARN,
        f"With a linear activation, {len(asked.sizes)} hidden layers and the head are one linear"
        " model.",
        measured="linear",
        expected="an activation that is not a straight line",
        source="rule 11",
        code="missing_activation",
        prescription="model.activation: relu",
    )


def _fades(asked: Asked) -> bool:
    ratio = initial_ratio(asked)
    return ratio is not None and not SIGNAL[0] <= ratio <= SIGNAL[1]


def initial_ratio(asked: Asked) -> float | None:
    """The root mean square of the last layer's output, over that of a standardized input.

    Known of plain dense nets: each layer multiplies the mean square by inputs · Var(weight), and a
    ReLU leaves half of what comes from the layer before (He et al. 2015, equation 9). A tanh is
    taken as straight, so it can only be smaller.

    Returns:
        None where it is not known.
    """
    model = asked.config.model
    name = activation_name(model)
    passed = {"relu": 0.5, "tanh": 1.0, "linear": 1.0}.get(name)
    plain = model.family == "mlp" and model.norm == "none" and not model.residual
    if passed is None or not plain or not isinstance(model.kernel_initializer, str):
        return None
    sizes = (asked.features, *model.widths)
    layers = list(pairwise(sizes))
    gains = [_variance(model.kernel_initializer, before, after) for before, after in layers]
    if None in gains:
        return None
    squares = [n * float(gain or 0) for (n, _), gain in zip(layers, gains, strict=True)]
    ratio = sqrt(prod(squares) * passed ** (len(squares) - 1)) if squares else 1.0
    return min(ratio, 1.0) if name == "tanh" else ratio


def _variance(initializer: str, inputs: int, units: int) -> float | None:
    """Of a weight, by the initializer's formula (Keras's defaults); None where it is not known."""
    known = {
        "he": 2 / inputs,
        "glorot": 2 / (inputs + units),
        "lecun": 1 / inputs,
        "variance": 1 / inputs,
        "orthogonal": 1 / max(inputs, units),
        "uniform": 1 / (3 * inputs),
    }
    by_name = {"random_normal": 0.05**2, "random_uniform": 0.05**2 / 3}
    return by_name.get(initializer, known.get(initializer.partition("_")[0]))
