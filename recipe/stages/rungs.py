"""The rungs of the ladder: which single changes are worth trying on this config and these data.

Chosen by rule, in the essay's order. Nothing is trained here; what does not apply comes back with
the reason, so that the report can say what was not tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from recipe.config import SIZES, Config, grown
from recipe.config.differences import groups_of
from recipe.data import Dataset

Changes = dict[str, object]
"""Dotted keys of a config and their new values."""


@dataclass(frozen=True)
class Rung:
    """One change to a config."""

    name: str
    """Unique among the rungs, e.g. "dropout 0.2"."""

    row: str
    """Of the checklist, e.g. "4.9"."""

    changes: Changes
    """All of one group: of two ideas at once nobody can say which of them helped."""

    needs_rate: bool = False
    """Without a learning rate of its own the comparison would be unfair."""

    @property
    def group(self) -> str:
        """The idea that is changed, as `config/differences.py` names it."""
        (name,) = groups_of(self.changes)
        return name

    @property
    def reads_anew(self) -> bool:
        """Whether the examples look different, and have to be loaded for it."""
        return any(key.startswith("data.") for key in self.changes)


@dataclass(frozen=True)
class NotTried:
    """A rung that makes no sense here."""

    name: str
    row: str
    why: str
    """In one plain line."""


def rungs(config: Config, data: Dataset) -> tuple[list[Rung], list[NotTried]]:
    """What is tried on this config, and what is not and why; both in the essay's order.

    Args:
        config: the incumbent.
        data: what it is trained on.
    """
    tried: list[Rung] = []
    left: list[NotTried] = []
    for given in _catalogue(config):
        found = _new(config, given)
        if isinstance(found, NotTried):
            left.append(found)
        elif found.changes not in [rung.changes for rung in tried]:
            tried.append(found)
    return tried, left


def _catalogue(config: Config) -> Iterator[Rung | NotTried]:
    smaller, larger = _sizes(grown(config, width=0.5)), _sizes(grown(config, width=2))
    yield Rung("smaller", "4.7", smaller)
    yield Rung("dropout 0.2", "4.9", {"model.dropout": 0.2})
    yield Rung("weight decay 0.1", "4.10", {"train.weight_decay": 0.1})
    yield Rung("L2 1e-4", "4.10", {"model.l2": 1e-4})
    yield Rung("input noise 0.1", "2.3", {"model.noise.input": 0.1})
    yield Rung("batch norm", "2.4", {"model.norm": "batch"})
    # every training ends with its best epoch, so these are stopped early without a rung
    yield Rung("larger", "4.12", larger)


def _new(config: Config, given: Rung | NotTried) -> Rung | NotTried:
    """A rung without what the config has already, if that leaves any and it can be trained."""
    if isinstance(given, NotTried):
        return given
    changes = {key: value for key, value in given.changes.items() if _is_new(config, key, value)}
    if not changes:
        has = ", ".join(f"{key}: {config.get(key)}" for key in given.changes)
        why = f"the config has {has}" if has else f"family {config.model.family} has no sizes here"
        return NotTried(given.name, given.row, why)
    try:
        config.replace(changes)
    except ValidationError as error:
        return NotTried(given.name, given.row, error.errors()[0]["msg"])
    return Rung(given.name, given.row, changes, given.needs_rate)


def _sizes(config: Config) -> Changes:
    """The sizes of a net as changes; nothing for a family that has none here."""
    keys = [f"model.{name}" for name in SIZES.get(config.model.family, ())]
    return {key: config.get(key) for key in keys}


def _is_new(config: Config, key: str, value: object) -> bool:
    """Whether the change changes anything, and does not weaken what the config already has."""
    now = config.get(key)
    return now in (None, 0.0, "none") or (isinstance(now, tuple) and now != value)
