"""The catalogue of the ladder: each idea of the essay's fourth step as changes to a config.

In the order of the essay (checklist 4.2 to 4.12). What makes no sense on this config or these data
says why. Nothing is trained here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from recipe.checks.options import momentum_over
from recipe.config import SIZES, Config, RequestError, Task, grown
from recipe.data import Dataset
from recipe.models.application import weights_at_hand
from recipe.stages.regularize.evidence import Evidence
from recipe.training import batch_size, new_model, steps_per_epoch

Changes = dict[str, object]
"""Dotted keys of a config and their new values."""

DROPOUT = (0.2, 0.1)
"""The more helpful first. Nets that just fit their examples were hurt by 0.5 on six sets of ten,
and by 0.4 on one of two (measured)."""

SPARING_DROPOUT = (0.1, 0.2)
"""Row 4.9: sparingly with batch norm; and between convolutions, where whole channels go: half of
them in each block took 17 points of accuracy from a small cnn on digits (measured)."""

ALPHA_DROPOUT = (0.05, 0.1)
"""Behind selu (Klambauer et al. 2017, section 4)."""

DECAY = (0.3, 1.0)
"""Weight decay times learning rate, summed over all steps: a weight without a gradient ends at
74 %, or 37 %. The time scale of a decay belongs to the length of the training (Wang and Aitchison
2024, "How to set AdamW's weight decay"); 0.01 at a rate of 1e-3 changed no score (measured)."""

MIXUP = 0.2
"""Alpha (Zhang et al. 2018: 0.1 to 0.4)."""

NOISE = {"weight": 0.03, "input": 0.1, "activation": 0.1, "gradient": 0.01}
"""Standard deviations (Graves 2011: 0.075 on weights; Neelakantan et al. 2015: 0.01 at least on
gradients; course notes: a tuned small number). 0.01 on weights gained less, 0.1 on gradients lost
on three sets of three (measured)."""

SMOOTHING = {Task.MULTICLASS: 0.1, Task.BINARY: 0.05, Task.MULTILABEL: 0.05}
"""Szegedy et al. 2016; half of it with two classes."""

FEWEST_IN_BATCH, FEWEST_WITH_BATCH_NORM = 8, 16
"""Rule 13: a batch norm's statistics of fewer examples are advised against."""


@dataclass(frozen=True)
class Rung:
    """One change to a config."""

    name: str
    """Unique among the rungs, e.g. "dropout 0.2"."""

    row: str
    """Of the checklist, e.g. "4.9"."""

    changes: Changes
    """All of one idea (`config/differences.py`): of two nobody can say which of them helped."""

    expected: float = 0.0
    """Of the error that is left, the share that it is expected to take: whom to try first."""


@dataclass(frozen=True)
class NotTried:
    """A rung that makes no sense here."""

    name: str
    row: str
    why: str
    """In one plain line."""


@dataclass(frozen=True)
class Asked:
    """What a row is asked about."""

    config: Config
    data: Dataset
    evidence: Evidence

    @property
    def steps(self) -> int:
        """Of a training."""
        config = self.config
        return config.train.epochs * steps_per_epoch(config, len(self.data.train))

    @property
    def has_batch_norm(self) -> bool:
        """Whether its blocks have one."""
        return self.config.model.norm == "batch"

    @cached_property
    def layers(self) -> dict[str, Any]:
        """The incumbent's, as Keras describes them."""
        return layers_of(self.config, self.data)


Found = Iterator[Rung | NotTried]


def layers_of(config: Config, data: Dataset) -> dict[str, Any]:
    """What a config's net is made of: the same for two nets that differ in weights alone."""
    described: dict[str, Any] = new_model(config, data, config.seed).get_config()
    return described


def augmentation(asked: Asked) -> Found:
    """Three strengths, each without what does not keep the label."""
    seen = asked.evidence.consistency
    if not asked.data.is_images:
        yield NotTried("augmentation", "4.2", "it is for images, and these are tables")
    elif seen is None or not seen.strengths:
        why = "no net is at hand that knows enough to tell whether it keeps the label"
        yield NotTried("augmentation", "4.2", why)
    else:
        for strength in seen.strengths:
            name = f"augmentation {strength.name}"
            given = strength.augment.model_dump(exclude_defaults=True)
            if strength.is_more:
                yield Rung(name, "4.2", {f"train.augment.{key}": v for key, v in given.items()})
            else:
                why = f"no more of it keeps the label ({strength.said})"
                yield NotTried(name, "4.2", why)


def mixup(asked: Asked) -> Found:
    """Pairs of examples, inputs and labels mixed."""
    yield Rung(f"mixup {MIXUP:g}", "4.3", {"train.mixup": MIXUP})


def pretrained(asked: Asked) -> Found:
    """Weights that are on this machine: nothing is downloaded for a rung."""
    name, model = "pretrained backbone", asked.config.model
    if not asked.data.is_images:
        yield NotTried(name, "4.4", "there are no pretrained nets for tables here")
    elif model.family != "application":
        why = f"family {model.family} has no weights to read; application has (docs/models.md)"
        yield NotTried(name, "4.4", why)
    elif model.backbone.weights is not None:
        yield NotTried(name, "4.4", "the config has model.backbone.weights")
    elif (found := weights_at_hand(model)) is None:
        why = "its weights are not in Keras's cache, and nothing is downloaded for a rung"
        yield NotTried(name, "4.4", why)
    else:
        changes: Changes = {"model.backbone.weights": str(found)}
        try:
            new_model(asked.config.replace(changes), asked.data, asked.config.seed)
        except RequestError as error:  # weights of another size of this net, say
            yield NotTried(name, "4.4", str(error))
        else:
            yield Rung(name, "4.4", changes)


def smaller_input(asked: Asked) -> Found:
    """A table without the columns that the net does without."""
    seen = asked.evidence.importance
    if asked.data.is_images:
        why = (
            "another data.image_size divides the examples anew; the data stage's finding `detail` "
            "says which size is enough"
            if asked.config.data.source.startswith("images:")
            else "data.image_size is for images in files"
        )
        yield NotTried("smaller images", "4.6", why)
    elif seen is None:
        one = len(set(asked.data.features.origin)) == 1
        why = "the table has one" if one else "no net is at hand that says which it needs"
        yield NotTried("fewer columns", "4.6", why)
    elif asked.config.data.missing == "drop":
        why = "with data.missing: drop other columns leave other examples"
        yield NotTried("fewer columns", "4.6", why)
    elif not seen.useless:
        why = f"the net needs each of its {len(seen.columns)} columns"
        yield NotTried("fewer columns", "4.6", why)
    else:
        dropped = dict.fromkeys(seen.useless, "drop")
        changes: Changes = {"data.columns": {**asked.config.data.columns, **dropped}}
        yield Rung(f"{len(dropped)} of {len(seen.columns)} columns dropped", "4.6", changes)


def smaller_model(asked: Asked) -> Found:
    """Half the width, and a head without dense layers."""
    config = asked.config
    yield Rung("smaller x0.5", "4.7", _sizes(grown(config, width=0.5)))
    if config.model.family not in ("cnn", "resnet", "application"):
        yield NotTried("GAP head", "4.7", f"family {config.model.family} has no convolutions")
    elif config.model.pooling == "gap" and not config.model.widths:
        yield NotTried("GAP head", "4.7", "the config has model.pooling: gap, and no widths")
    else:
        yield Rung("GAP head", "4.7", {"model.pooling": "gap", "model.widths": []})


def smaller_batch(asked: Asked) -> Found:
    """Noisier steps, more of them; at a rate of their own."""
    now = batch_size(asked.config, len(asked.data.train))
    least = FEWEST_WITH_BATCH_NORM if asked.has_batch_norm else FEWEST_IN_BATCH
    if now // 2 < least:
        why = f"{now} examples in a batch are few already; at least {least} are left"
        yield NotTried("smaller batch", "4.8", why)
    else:
        changes: Changes = {"train.batch_size": now // 2}
        yield Rung(f"batch {now // 2}", "4.8", changes)


def dropout(asked: Asked) -> Found:
    """Two amounts, where `dropout_position: auto` puts them: after the last batch norm."""
    sparing = asked.has_batch_norm or asked.config.model.family in ("cnn", "resnet")
    amounts = SPARING_DROPOUT if sparing else DROPOUT
    if asked.config.model.activation == "selu":
        amounts = ALPHA_DROPOUT
    for amount in amounts:
        changes: Changes = {"model.dropout": amount}
        if asked.has_batch_norm and not asked.config.model.dropout:
            changes["model.dropout_position"] = "auto"
        yield Rung(f"dropout {amount:g}", "4.9", changes)


def weight_decay(asked: Asked) -> Found:
    """Decoupled decay; and the penalty, unless weights decay already."""
    moved = asked.steps * asked.config.train.learning_rate
    for shrinks in DECAY:
        amount = float(f"{shrinks / moved:.1g}")
        if asked.config.model.l2:
            why = f"the config has model.l2: {asked.config.model.l2:g}, which pulls at them already"
            yield NotTried(f"weight decay {amount:g}", "4.10", why)
        else:
            yield Rung(f"weight decay {amount:g}", "4.10", {"train.weight_decay": amount})
    for amount in (1e-4, 1e-3):
        if decay := asked.config.train.weight_decay:
            why = f"the config has train.weight_decay: {decay:g}, which pulls at them already"
            yield NotTried(f"L2 {amount:g}", "4.10", why)
        else:
            yield Rung(f"L2 {amount:g}", "4.10", {"model.l2": amount})


def noise(asked: Asked) -> Found:
    """On weights, inputs, activations and gradients, the most helpful first (measured)."""
    for name, amount in NOISE.items():
        rung = f"{name} noise {amount:g}"
        if name == "input" and asked.config.data.scaling == "none":
            why = "inputs are not scaled: no amount of noise is right for all of them"
            yield NotTried(rung, "4.0", why)
        elif name in ("weight", "gradient") and asked.config.train.strategy == "mirrored":
            yield NotTried(rung, "4.0", "train.strategy: mirrored can't have it")
        else:
            yield Rung(rung, "4.0", {f"model.noise.{name}": amount})


def label_smoothing(asked: Asked) -> Found:
    """Labels that are not quite certain."""
    amount = SMOOTHING.get(asked.data.task)
    if amount is None:
        yield NotTried("label smoothing", "4.0", "a regression has no labels to smooth")
    else:
        yield Rung(f"label smoothing {amount:g}", "4.0", {"train.label_smoothing": amount})


def early_stopping(asked: Asked) -> Found:
    """No rung: it is in all of them."""
    why = "each training, the incumbent's too, ends with the weights of its best epoch"
    yield NotTried("early stopping", "4.11", why)


def larger_model(asked: Asked) -> Found:
    """Two and four times the width, stopped early as everything here."""
    for width in (2, 4):
        changes = _sizes(grown(asked.config, width=width))
        yield Rung(f"larger x{width}", "4.12", changes)


def batch_norm(asked: Asked) -> Found:
    """Statistics of a batch are noise, too."""
    yield Rung("batch norm", "4.0", {"model.norm": "batch"})


def averaged_weights(asked: Asked) -> Found:
    """An average over the last tenth of the steps."""
    momentum = momentum_over(asked.steps)
    yield Rung(f"averaged weights {momentum:g}", "P22", {"train.ema": momentum})


def _sizes(config: Config) -> Changes:
    """The sizes of a net as changes; nothing for a family that has none here."""
    keys = [f"model.{name}" for name in SIZES.get(config.model.family, ())]
    return {key: config.get(key) for key in keys}


CATALOGUE: Mapping[Callable[[Asked], Found], float] = {
    augmentation: 0.07,
    mixup: 0.06,
    pretrained: 0.3,
    smaller_input: 0.03,
    smaller_model: 0.01,
    smaller_batch: 0.06,
    dropout: 0.06,
    weight_decay: 0.02,
    noise: 0.08,
    label_smoothing: 0.16,
    batch_norm: 0.21,
    averaged_weights: 0.01,
    early_stopping: 0.0,
    larger_model: 0.15,
}
"""Each idea, and what its first rung is expected to gain: of the error that was left it took this
share, as a mean over the sets of docs/stages.md; losses count as nothing, for nobody keeps them.
`pretrained` was not measured: with few images it beats all others (Yosinski et al. 2014). 4.1, more
data, is no change to a config; 4.5, no pretraining without labels, is advice against one."""
