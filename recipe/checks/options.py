"""Checks of the options that were asked for: which of them make no sense together.

Said before any training step, from the config and the size of the data alone. What can't work at
all is refused when the config is read. A rule that is kept says nothing; if none is broken, one
finding says that. A warning is something that is likely wrong; what is unusual and works is
advice, and passes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log2
from typing import Any

from recipe.checks import blocks
from recipe.checks.asked import Asked
from recipe.config import Config, KerasObject, ModelConfig, Task
from recipe.findings import Finding, Verdict, advise, judge, listed

LOSHCHILOV = "Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization"
ADAM_LIKE = ("adam", "adamw", "adamax", "nadam", "rmsprop")
ADAPTIVE = (*ADAM_LIKE, "adadelta", "adafactor", "adagrad", "lion")
ADAM_RATES = (1e-5, 0.1)
SGD_RATES = (1e-4, 1.0)
"""Of the rate over (1 - momentum): what a constant gradient moves a weight in the end."""

OF_BLOCKS = (
    "residual", "activation", "norm", "norm_position", "norm_momentum", "norm_epsilon", "dropout",
    "dropout_position", "kernel_initializer", "max_norm",
)  # fmt: skip
"""Keys of the model that a list of layers does not follow."""


def check_options(
    config: Config, task: Task, examples: int, classes: int = 0, features: int = 1
) -> list[Finding]:
    """What is wrong with a config's options, as far as it can be told without a net.

    Args:
        config: as it was asked for, with its regularization.
        task: what the target asks for.
        examples: to train on.
        classes: of the target; 0 for a regression.
        features: numbers of an example.

    Returns:
        A finding for each rule that is broken, warnings first; or one that says there is none.
    """
    asked = Asked(config, task, examples, classes, features)
    found = [finding for rule in RULES if (finding := rule(asked)) is not None]
    if not found:
        found = [
            judge(
                "options",
                True,
                "No two options of model and train contradict each other.",
                measured=0,
                expected=f"none of {len(RULES)} rules broken",
                source="docs/models.md",
            )
        ]
    order = [Verdict.FAIL, Verdict.WARN, Verdict.PASS]
    return sorted(found, key=lambda finding: order.index(finding.verdict))


def learning_rate(asked: Asked) -> Finding | None:
    """A rate far from all that was ever useful for the optimizer: a guess, which lr-find tests."""
    given = asked.config.train
    rate, low, high = given.learning_rate, *ADAM_RATES
    if asked.optimizer == "sgd":
        arguments = given.optimizer.config if isinstance(given.optimizer, KerasObject) else {}
        rate, (low, high) = rate / (1 - float(arguments.get("momentum", 0))), SGD_RATES
    elif asked.optimizer not in ADAM_LIKE:
        return None
    # rounded: .1 / (1 - .9) is a last bit above 1
    if low <= float(f"{rate:.6g}") <= high:
        return None
    effective = " (divided by 1 - momentum)" if rate != given.learning_rate else ""
    return judge(
        "usual_rate",
        Verdict.WARN,
        f"A learning rate of {rate:.2g}{effective} is far from what {asked.optimizer} takes.",
        measured=rate,
        expected=f"between {low:g} and {high:g}",
        source="rule 17 (a prior)",
        code="lr_too_high" if rate > high else "lr_too_low",
        prescription="train.learning_rate: what recipe lr-find verifies",
    )


def clipping(asked: Asked, least: float = 1e-2) -> Finding | None:
    """Gradients cut this short are a learning rate by another name."""
    norm = asked.config.train.clipnorm
    if norm is None or norm >= least:
        return None
    return judge(
        "clipping",
        Verdict.WARN,
        f"All gradients together are cut to {norm:g}: nearly every step will be.",
        measured=norm,
        expected=f"at least {least:g}",
        source="rule 17",
        code="excess_clipping",
        prescription="train.clipnorm: 1.0",
    )


def budget(asked: Asked, least: int = 100) -> Finding | None:
    """Too few steps to learn anything, often for a batch that is nearly the whole set."""
    steps = asked.steps * asked.config.train.epochs
    if steps >= least:
        return None
    return judge(
        "budget",
        Verdict.WARN,
        f"{asked.config.train.epochs} epochs of {asked.steps} steps are {steps} steps.",
        measured=steps,
        expected=f"at least {least} steps",
        source="rule 18",
        code="undertraining",
        prescription=f"train.epochs: {-(-least // asked.steps)}; or a smaller train.batch_size",
    )


def long_memory(asked: Asked, most: float = 0.1) -> Finding | None:
    """An average of weights that remembers the first ones is not yet a trained net.

    Measured on digits, three seeds: with 36 % of the first weights left at the end validation
    accuracy was 1.1 points lower [0.4, 1.8], with 76 % 20 points [4, 37].
    """
    given = asked.config.train.ema
    if given is None:
        return None
    steps = asked.steps * asked.config.train.epochs
    left = given**steps
    if left <= most:
        return None
    return judge(
        "averaged_weights",
        Verdict.WARN,
        f"After {steps:,} steps an average with momentum {given:g} is {left:.0%} first weights.",
        measured=left,
        expected=f"at most {most:.0%} of the first weights at the end",
        source="measured (docs/models.md); the limit is a value of this project",
        code="undertraining",
        prescription=f"train.ema: {momentum_over(steps):g}",
    )


def momentum_over(steps: int) -> float:
    """Of `train.ema`, for an average over the last tenth of the steps."""
    return round(max(1 - 10 / steps, 0.5), 4)


def half_of_all(asked: Asked) -> Finding | None:
    """A batch of half of the examples, which nobody called `full`."""
    size = asked.config.train.batch_size
    if size == "full" or 2 * size < asked.examples:
        return None
    return judge(
        "batch_of_all",
        Verdict.WARN,
        f"A batch of {size} is at least half of the {asked.examples:,} training examples.",
        measured=asked.batch,
        expected="less than half of the training examples, or full",
        source="rule 18",
        code="batch_size",
        prescription="train.batch_size: 32",
    )


def two_decays(asked: Asked) -> Finding | None:
    """An L2 penalty and weight decay pull at the same weights."""
    if not (asked.config.model.l2 and asked.config.train.weight_decay):
        return None
    return advise(
        "two_decays",
        f"Weights are pulled to zero twice: by model.l2 {asked.config.model.l2:g} and by"
        f" train.weight_decay {asked.config.train.weight_decay:g}.",
        measured=asked.config.model.l2,
        expected="one of the two",
        source=LOSHCHILOV,
        prescription="model.l2: 0.0",
    )


def coupled_l2(asked: Asked) -> Finding | None:
    """Adam divides a penalty's gradient by its size: large gradients are hardly regularized."""
    l2 = asked.config.model.l2
    if not l2 or asked.optimizer not in ADAPTIVE or asked.config.train.weight_decay:
        return None
    return advise(
        "coupled_l2",
        f"Under {asked.optimizer} an L2 penalty is no weight decay: it holds the weights with large"
        " gradients least.",
        measured=l2,
        expected="train.weight_decay, which is decoupled, with adaptive optimizers",
        source=LOSHCHILOV,
        prescription="model.l2: 0.0 and train.weight_decay: 0.1",
    )


def large_l2(asked: Asked, most: float = 0.1) -> Finding | None:
    """A penalty that outweighs the loss."""
    l2 = asked.config.model.l2
    if l2 <= most:
        return None
    return judge(
        "large_l2",
        Verdict.WARN,
        f"An L2 penalty of {l2:g} outweighs the loss.",
        measured=l2,
        expected=f"at most {most:g}",
        source="rule 15",
        code="excess_regularization",
        prescription="model.l2: 1e-4",
    )


def useless_max_norm(asked: Asked) -> Finding | None:
    """A norm right behind a kernel takes out the kernel's length."""
    if asked.config.model.max_norm is None or not asked.is_normed_first or not asked.sizes:
        return None
    return advise(
        "max_norm_before_norm",
        f"A norm behind the kernel undoes its length, so max_norm {asked.config.model.max_norm:g}"
        " limits no function: it only raises the effective learning rate.",
        measured=asked.config.model.max_norm,
        expected="max_norm without norms",
        source="van Laarhoven 2017, L2 Regularization versus Batch and Weight Normalization",
        prescription="model.max_norm: null",
    )


def loud_noise(asked: Asked, most: float = 1.0, much: float = 0.5) -> Finding | None:
    """On standardized inputs a standard deviation of 1 is as much noise as signal."""
    std = asked.config.model.noise.input
    if std <= much or asked.config.data.scaling == "none":
        return None
    told: dict[str, Any] = {
        "message": f"Noise of {std:g} on inputs with a standard deviation of 1.",
        "measured": std,
        "expected": f"at most {much:g}; warns from {most:g} on",
        "source": "Goodfellow et al. 2016, section 7.5; course notes, where 1 is proposed",
        "code": "excess_regularization",
        "prescription": "model.noise.input: 0.1",
    }
    if std >= most:
        return judge("input_noise", Verdict.WARN, **told)
    return advise("input_noise", **told)


def strong_mixup(asked: Asked, most: float = 1.0) -> Finding | None:
    """Pairs that are mixed half and half, nearly always."""
    alpha = asked.config.train.mixup
    if alpha <= most:
        return None
    return advise(
        "strong_mixup",
        f"With alpha {alpha:g} most pairs are mixed about half and half.",
        measured=alpha,
        expected=f"0.1 to 0.4; at most {most:g}",
        source="Zhang et al. 2018, mixup, section 3.1 (large values underfit)",
        code="excess_regularization",
        prescription="train.mixup: 0.2",
    )


def bottleneck(asked: Asked) -> Finding | None:
    """A layer too narrow to tell the classes apart."""
    if asked.task is not Task.MULTICLASS or not asked.sizes:
        return None
    least, narrow = log2(max(asked.classes, 2)), min(asked.sizes)
    if narrow >= least:
        return None
    return judge(
        "bottleneck",
        Verdict.WARN,
        f"A layer of {narrow} units for {asked.classes} classes.",
        measured=narrow,
        expected=f"at least log2({asked.classes}) = {least:.1f} units in every layer",
        source="rule 30",
        code="underfitting",
        prescription="model.widths: wider",
    )


def ignored(asked: Asked) -> Finding | None:
    """Keys of a block beside a list of layers: nobody reads them."""
    default, model = ModelConfig(), asked.config.model
    if asked.has_blocks:
        return None
    unread = [f"model.{key}" for key in OF_BLOCKS if getattr(model, key) != getattr(default, key)]
    if model.noise.activation:
        unread.append("model.noise.activation")
    if not unread:
        return None
    return judge(
        "ignored_options",
        Verdict.WARN,
        f"Family layers does not read {listed(unread)}.",
        measured=len(unread),
        expected="what a block has, among model.layers",
        source="docs/models.md: a list of layers says all of its body",
        prescription="model.layers: with these as layers and arguments",
    )


RULES: tuple[Callable[[Asked], Finding | None], ...] = (
    blocks.equal_units,
    blocks.initial_signal,
    blocks.initializer_fits,
    blocks.curved,
    blocks.steep_enough,
    blocks.small_batch,
    blocks.last_batch,
    blocks.dropout_before_norm,
    blocks.momentum,
    blocks.batch_norm_for_regression,
    blocks.dropout_rate,
    bottleneck,
    ignored,
    learning_rate,
    clipping,
    budget,
    long_memory,
    half_of_all,
    two_decays,
    coupled_l2,
    large_l2,
    useless_max_norm,
    loud_noise,
    strong_mixup,
)
