"""The rungs of the ladder: which single changes are worth trying on this config and these data.

Of the catalogue (`catalogue.py`) those that change something that the config has not, that this
net reads, and that can be trained. The others come back with the reason, so that the report can
say what was not tried.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pydantic import ValidationError

from recipe.checks.curves import Answer
from recipe.config import Config, RequestError
from recipe.data import Dataset
from recipe.stages.regularize.catalogue import CATALOGUE, Asked, Changes, NotTried, Rung, layers_of
from recipe.stages.regularize.evidence import NOTHING, Evidence

__all__ = ["Changes", "NotTried", "Rung", "promising", "rungs"]

BUILT_HERE = ("mlp", "cnn", "resnet")
"""Families that read every key of a block."""

OF_DENSE_BLOCKS = ("model.norm", "model.noise.activation")
"""Keys that say nothing of a backbone, which is followed by dense blocks or by none."""

AGAIN = 0.5
"""What one more rung of an idea is worth beside the one before it: a value of this project."""

LARGER = "4.12"
"""Row of the rungs that add capacity."""

REPLACED = ("data.columns", "model.dropout_position", "model.pooling", "train.batch_size")
"""Keys with another value rather than more of something."""


def rungs(
    config: Config, data: Dataset, evidence: Evidence = NOTHING
) -> tuple[list[Rung], list[NotTried]]:
    """What is tried on this config, and what is not and why; both in the essay's order.

    Args:
        config: the incumbent.
        data: what it is trained on.
        evidence: what its net has shown; rungs that need what is not there are not tried.
    """
    asked = Asked(config, data, evidence)
    tried: list[Rung] = []
    left: list[NotTried] = []
    for row, expected in CATALOGUE.items():
        here = 0
        for given in row(asked):
            found = _new(asked, given)
            if isinstance(found, NotTried):
                left.append(found)
            elif found.changes not in [rung.changes for rung in tried]:
                tried.append(replace(found, expected=expected * AGAIN**here))
                here += 1
    return tried, left


def promising(ladder: Iterable[Rung], answer: Answer = "can't say") -> list[Rung]:
    """The rungs that are expected to gain most come first; else as they stood.

    Args:
        ladder: of any order.
        answer: of the loss curves: where the net underfits, larger ones come before any other.
    """
    small = answer in ("underfits", "both")
    return sorted(ladder, key=lambda rung: (small and rung.row != LARGER, -rung.expected))


def _new(asked: Asked, given: Rung | NotTried) -> Rung | NotTried:
    """A rung without what the config has already, if that leaves any and it can be trained."""
    if isinstance(given, NotTried):
        return given
    config = asked.config
    if not given.changes:
        said = f"a net of family {config.model.family} can't be resized here"
        return NotTried(given.name, given.row, said)
    changes = {key: value for key, value in given.changes.items() if _is_new(config, key, value)}
    if not changes:
        has = ", ".join(f"{key}: {config.get(key)}" for key in given.changes)
        return NotTried(given.name, given.row, f"the config has {has}")
    try:
        unread = _is_unread(asked, changes, config.replace(changes))
    except ValidationError as error:
        return NotTried(given.name, given.row, error.errors()[0]["msg"])
    except RequestError as error:
        return NotTried(given.name, given.row, str(error))
    if unread:
        said = f"family {config.model.family} does not read {', '.join(changes)}"
        return NotTried(given.name, given.row, said)
    return replace(given, changes=changes)


def _is_unread(asked: Asked, changes: Changes, after: Config) -> bool:
    """Whether the body is one that ignores these keys: then the nets are the same."""
    model = asked.config.model
    if model.family in BUILT_HERE or not all(_is_built(key) for key in changes):
        return False
    if model.family == "application":
        return not model.widths and all(key in OF_DENSE_BLOCKS for key in changes)
    return layers_of(after, asked.data) == asked.layers


def _is_built(key: str) -> bool:
    """Whether a key is of the net's layers, and not of its training."""
    return key.startswith("model.") and key not in ("model.noise.weight", "model.noise.gradient")


def _is_new(config: Config, key: str, value: object) -> bool:
    """Whether the change changes anything, and does not weaken what the config already has."""
    now = config.get(key)
    if isinstance(now, tuple):
        return now != tuple(value) if isinstance(value, list | tuple) else True
    return now != value if key in REPLACED else now in (None, 0.0, "none")
