"""How two configs differ, and whether their scores can be compared at all."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import getitem
from typing import Any

from recipe.config.errors import RequestError
from recipe.config.fields import leaf_keys
from recipe.config.render import flow
from recipe.config.types import Config

COMPARED = ("data", "model", "train")
"""Sections that make a net what it is; the others say how it is judged."""

EXAMPLES = ("data.source", "data.target", "data.task", "data.split", "data.limit")
"""Keys that decide which examples there are, in which part, and what is asked of them."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "data": ("data",),
    "size and shape": (
        "model.family", "model.widths", "model.filters", "model.layers", "model.backbone",
        "model.residual", "model.pooling",
    ),
    "embedding of inputs": ("model.embedding", "model.periodic", "model.feature_scale"),
    "activation": ("model.activation",),
    "norm": (
        "model.norm", "model.norm_position", "model.norm_momentum", "model.norm_epsilon",
        "train.norm_statistics",
    ),
    "dropout": ("model.dropout", "model.dropout_position"),
    "initialization": ("model.kernel_initializer", "model.head_bias"),
    "penalties": ("model.l1", "model.l2", "model.max_norm", "train.weight_decay"),
    "noise": ("model.noise",),
    "optimizer": (
        "train.optimizer", "train.learning_rate", "train.schedule", "train.warmup",
        "train.clipnorm",
    ),
    "loss": ("train.loss", "train.label_smoothing", "train.class_weight"),
    "augmentation": ("train.augment", "train.mixup"),
    "averaging": ("train.ema",),
    "batch size": ("train.batch_size",),
    "epochs": ("train.epochs", "train.early_stopping"),
    "fine-tuning": ("train.unfreeze", "train.unfreeze_rate"),
    "machine": ("train.strategy", "train.jit", "train.threads"),
}  # fmt: skip
"""What belongs together: name -> keys and sections that one idea changes. A gain is the gain of a
group; of a change of two groups nobody can say which of them it was."""

NUISANCE = "train.learning_rate"
"""May change with anything: a larger net or batch is judged at a rate that suits it (Google,
*Deep Learning Tuning Playbook*)."""


def differences(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """Dotted key of data, model or train -> what it is in both, as YAML has it."""
    plain = old.model_dump(mode="json"), new.model_dump(mode="json")
    changed = {}
    for key in leaf_keys(Config):
        first, second = (reduce(getitem, key.split("."), side) for side in plain)
        if key.split(".")[0] in COMPARED and first != second:
            changed[key] = first, second
    return changed


def is_compared(setting: str) -> bool:
    """Whether a `key=value` changes what is compared, and not how."""
    return setting.strip().split(".")[0] in COMPARED


def challenger(old: Config, new: Config) -> Config:
    """What of `new` is compared, and expected; `old` says how, `stages.compare`.

    Raises:
        RequestError: there is nothing to compare, or the scores would not be about the same.
    """
    changed = differences(old, new)
    if not changed:
        raise RequestError(
            "nothing to compare: both configs have the same data, model and train; change one, "
            "e.g. --set model.dropout=0.2"
        )
    apart = [key for key in changed if _is_in(key, EXAMPLES)]
    if apart:
        raise RequestError(
            f"{_both(apart, changed)}: other examples or targets, so other scores; "
            "give both configs the same"
        )
    if "train.metric" in changed:
        raise RequestError(
            f"{_both(['train.metric'], changed)}: scores in two units; give both configs the same"
        )
    parts = {part: new.get(part).model_dump(mode="json") for part in (*COMPARED, "hypothesis")}
    how = {"compare": old.stages.compare.model_dump(mode="json")}
    return Config.model_validate(
        {**parts, "name": new.name, "stages": how, "search": {"space": {}}}
    )


def groups_of(keys: Iterable[str]) -> list[str]:
    """The ideas that a change consists of; a key that is in no group is one by itself.

    The learning rate counts only if nothing else is changed.
    """
    keys = list(keys)
    counted = [key for key in keys if key != NUISANCE] or keys
    named = {name: [key for key in counted if _is_in(key, own)] for name, own in GROUPS.items()}
    known = [key for own in named.values() for key in own]
    return [name for name, own in named.items() if own] + [k for k in counted if k not in known]


def called(old: Config, new: Config, most: int = 60) -> str:
    """What `new` is called beside `old`: by its name or, if they share one, by what it changes.

    A change is called e.g. "dropout=0.2+norm=batch"; a long one is cut and numbered.
    """
    if new.name != old.name:
        return str(new.name)
    changed = differences(old, new).items()
    name = "+".join(f"{key.partition('.')[2]}={flow(value)}" for key, (_, value) in changed)
    return name if len(name) <= most else f"{name[:most]}~{zlib.crc32(name.encode()):08x}"


def file_name(name: str) -> str:
    """A name as that of a file; without a dot, for `x.1` is the result before the last of `x`."""
    return re.sub(r"[^A-Za-z0-9=+_]+", "-", name).strip("-") or "other"


def _both(keys: Iterable[str], changed: Mapping[str, tuple[Any, Any]]) -> str:
    said = [f"{key} is {flow(changed[key][0])} and {flow(changed[key][1])}" for key in keys]
    return ", ".join(said)


def _is_in(key: str, own: Iterable[str]) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in own)
