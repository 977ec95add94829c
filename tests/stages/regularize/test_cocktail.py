"""Mixtures of rungs: what goes together, and which are tried."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from recipe.config import Config
from recipe.config.stages import RegularizeStage
from recipe.stages.regularize.cocktail import SIZES, cocktails, mixed
from recipe.stages.regularize.race import Entry
from recipe.stages.regularize.rungs import Rung

INCUMBENT = Config()
DROPOUT = Rung("dropout", "4.9", {"model.dropout": 0.2})
MORE = Rung("more", "4.9", {"model.dropout": 0.5})
DECAY = Rung("decay", "4.10", {"train.weight_decay": 0.1})
SMOOTH = Rung("smooth", "4.0", {"train.label_smoothing": 0.1})
BATCH = Rung("batch", "4.8", {"train.batch_size": 16, "train.learning_rate": 1e-4})
FLIP = Rung("flip", "4.2", {"train.augment.flip": "both"})
AUGMENT = Rung("augment", "4.2", {"train.augment": {"shift": 0.1}})
NORM = Rung("norm", "4.0", {"model.norm": "batch"})
ONE = Rung("one", "4.8", {"train.batch_size": 1})
NOISE = Rung("noise", "4.0", {"model.noise.input": 0.1})


@pytest.mark.parametrize(
    ("rungs", "together"),
    [
        pytest.param([DROPOUT, DECAY], "dropout + decay", id="two that have nothing in common"),
        pytest.param([MORE, DROPOUT, DECAY], "more + decay", id="of one key the first"),
        pytest.param([AUGMENT, FLIP], "augment", id="a section and a key of it"),
        pytest.param([FLIP, AUGMENT], "flip", id="a key and its section"),
        pytest.param([NORM, ONE], "norm", id="what no config may have is left out"),
        pytest.param([], "", id="none"),
    ],
)
def test_what_goes_together(rungs: list[Rung], together: str) -> None:
    found = mixed(INCUMBENT, rungs, "any")
    assert found.called == together
    changes = {key: value for rung in found.rungs for key, value in rung.changes.items()}
    assert found.config == INCUMBENT.replace(changes)


def test_a_rate_of_its_own_takes_no_rung_out() -> None:
    found = mixed(INCUMBENT, [BATCH, DROPOUT], "any")
    assert found.called == "batch + dropout"
    assert found.config.train.learning_rate == INCUMBENT.train.learning_rate


def shaken(looks: list[float], count: int) -> list[Any]:
    entries = [
        Entry(rung, INCUMBENT.replace(rung.changes), look)
        for rung, look in zip([DROPOUT, DECAY, SMOOTH, NORM, NOISE], looks, strict=True)
    ]
    race: Any = SimpleNamespace(
        incumbent=INCUMBENT, noise=0.01, look_seed=0, settings=RegularizeStage(),
        can_train=lambda config: not (config.model.dropout and config.train.label_smoothing),
    )  # fmt: skip
    return list(cocktails(race, entries, count))


def test_each_is_another_one_of_two_to_five_rungs() -> None:
    found = shaken([0.01, 0.0, -0.01, 0.02, 0.0], 30)
    assert len(found) == 30
    assert len({each.config.model_dump_json() for each in found}) == 30
    assert {len(each.rungs) for each in found} <= set(SIZES)
    assert not [each for each in found if {"dropout", "smooth"} <= set(each.called.split(" + "))]
    assert len({each.config.train.learning_rate for each in found}) == 3


def test_what_looked_well_is_in_more_of_them_and_what_diverged_in_none() -> None:
    looks = [0.05, -0.05, 0.0, float("-inf"), 0.0]
    found = shaken(looks, 40)
    names = [each.called for each in found]
    dropout, decay, norm = (
        np.mean([each in name for name in names]) for each in ("dropout", "decay", "norm")
    )
    assert dropout > decay + 0.2 > 0.2
    assert norm == 0


def test_there_are_not_always_as_many_as_were_asked_for() -> None:
    diverged = float("-inf")
    one = [0.1, diverged, diverged, diverged, diverged]
    assert shaken(one, 5) == []
    two = shaken([0.1, 0.1, *one[2:]], 50)
    assert len(two) == 3, "one pair, three rates"
