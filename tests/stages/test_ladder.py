"""The ladder of baselines: who is measured against whom, and what is said of it."""

from collections.abc import Iterable

import numpy as np
import pytest

from recipe.findings import Verdict
from recipe.stages.ladder import climb
from tests.training.tiny import dataset

DATA = dataset(val=200)
RIGHT = np.eye(3)[DATA.val.y] * 4
"""Logits of a model that knows everything."""


def knowing(share: float) -> np.ndarray:
    """Logits that are right for the first of the examples, and wrong for the rest."""
    wrong = np.roll(RIGHT, 1, axis=1)
    return np.where(np.arange(200)[:, np.newaxis] < 200 * share, RIGHT, wrong)


@pytest.mark.parametrize(
    ("models", "pairs"),
    [
        pytest.param(
            ("majority", "linear", "trees", "tiny", "net"),
            ["linear_beats_majority", "trees_beats_majority", "tiny_beats_linear",
             "net_beats_tiny", "net_beats_trees"], id="all of them",
        ),
        pytest.param(
            ("mean", "linear", "trees", "net"),
            ["linear_beats_mean", "trees_beats_mean", "net_beats_linear", "net_beats_trees"],
            id="a quantity, and a family that can't be shrunk",
        ),
    ],
)  # fmt: skip
def test_each_is_measured_against_those_below_it(models: Iterable[str], pairs: list[str]) -> None:
    table = climb(dict.fromkeys(models, RIGHT), DATA, "accuracy", "auto")
    assert [finding.check for finding in table.findings] == pairs
    assert {finding.verdict for finding in table.findings} == {Verdict.PASS}
    assert [row[0] for row in table.rows] == [*models]


def test_a_net_that_trees_beat_warns_with_the_interval_of_the_same_examples() -> None:
    models = {"linear": knowing(0.6), "trees": knowing(0.9), "net": knowing(0.8)}
    table = climb(models, DATA, "accuracy", "auto")
    of = {finding.check: finding for finding in table.findings}
    assert of["net_beats_linear"].verdict is Verdict.PASS
    assert of["net_beats_trees"].verdict is Verdict.WARN
    assert of["net_beats_trees"].measured == pytest.approx(-0.1)
    # every tenth example decides: in no resample does the net win
    assert "to -0.0" in str(of["net_beats_trees"].expected)
    name, value, low, high = table.rows[2]
    assert (name, value) == ("net", pytest.approx(0.8))
    assert low is not None
    assert high is not None
    assert 0.7 < low < 0.8 < high < 0.9
    assert table.metrics["val_trees_accuracy"] == pytest.approx(0.9)
    assert table.said.endswith("net 0.8000")


@pytest.mark.parametrize(
    ("net", "verdict"),
    [
        pytest.param(0.9, Verdict.PASS, id="the net is better: the tiny one is too small"),
        pytest.param(0.5, Verdict.WARN, id="the net is no better either"),
    ],
)
def test_a_tiny_net_may_be_too_small_if_the_net_is_not(net: float, verdict: Verdict) -> None:
    models = {"linear": knowing(0.8), "tiny": knowing(0.6), "net": knowing(net)}
    table = climb(models, DATA, "accuracy", "auto")
    of = {finding.check: finding for finding in table.findings}
    assert of["tiny_beats_linear"].verdict is verdict
    assert ("which its size explains" in of["tiny_beats_linear"].message) == (net == 0.9)
