"""Over- and underfitting by the loss curves: of real small nets, and at the edges."""

from __future__ import annotations

from typing import Any

import pytest

from recipe.checks.curves import Fit, check_fit, diagnose_fit
from recipe.findings import Verdict

NAN = float("nan")

# digits, an MLP of 128 and 128 units, Adam .01, 200 examples, two seeds: learnt by heart
HEART: dict[str, Any] = {
    "train": [1.0, 1.0],
    "val": [0.877, 0.852],
    "losses": [
        [1.524, 0.327, 0.141, 0.132, 0.089, 0.074, 0.074, 0.022, 0.025, 0.003, 0.001, 0.002],
        [1.604, 0.341, 0.143, 0.174, 0.050, 0.071, 0.008, 0.008, 0.006, 0.002, 0.001, 0.001],
    ],
    "val_losses": [
        [0.855, 0.625, 0.913, 0.616, 0.812, 0.628, 0.556, 0.857, 0.858, 0.735, 0.689, 0.682],
        [0.833, 0.940, 0.838, 0.875, 0.720, 0.688, 0.731, 0.850, 0.802, 0.756, 0.707, 0.674],
    ],
    "error": 0.018,
}
# the same digits, all of them, two units: too few
NARROW: dict[str, Any] = {
    "train": [0.644, 0.632],
    "val": [0.628, 0.619],
    "losses": [
        [2.127, 1.767, 1.558, 1.427, 1.329, 1.254, 1.211, 1.181, 1.130, 1.086, 1.065, 1.059],
        [2.164, 1.818, 1.657, 1.513, 1.400, 1.318, 1.261, 1.211, 1.170, 1.136, 1.095, 1.056],
    ],
    "val_losses": [
        [1.904, 1.643, 1.483, 1.347, 1.272, 1.217, 1.184, 1.140, 1.120, 1.068, 1.082, 1.028],
        [1.967, 1.759, 1.579, 1.463, 1.368, 1.316, 1.247, 1.229, 1.166, 1.151, 1.102, 1.086],
    ],
    "error": 0.026,
}
FLAT = {"losses": [[0.5] * 10] * 2, "val_losses": [[0.5] * 10] * 2}
RISING = [0.9, 0.5, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
TREES = ("trees", 0.95)


def fit(curves: dict[str, Any], **changed: Any) -> Fit:
    given = {"reference": TREES, "target": 0.99, "higher_is_better": True, **curves, **changed}
    return diagnose_fit(**given)


@pytest.mark.parametrize(
    ("curves", "changed", "answer"),
    [
        pytest.param(HEART, {}, "overfits", id="real: 200 digits learnt by heart"),
        pytest.param(NARROW, {}, "underfits", id="real: two units, below the trees"),
        pytest.param(NARROW, {"reference": None}, "underfits", id="real: below the target alone"),
        pytest.param(NARROW, {"reference": None, "target": None}, "neither",
                     id="nothing to be below of"),
        pytest.param(FLAT, {"train": [0.70, 0.71], "val": [0.5, 0.5], "error": 0.01}, "both",
                     id="a gap, and training below the trees"),
        pytest.param(FLAT, {"train": [0.97, 0.96], "val": [0.96, 0.96], "error": 0.01,
                            "target": 0.96}, "neither", id="at the level, without a gap"),
        pytest.param(FLAT, {"train": [0.97, 0.97], "val": [0.95, 0.91], "error": 0.01}, "neither",
                     id="a gap that the noise floor hides"),
        pytest.param(FLAT, {"train": [0.9, 0.9], "val": [0.8, 0.8], "error": 0.06}, "can't say",
                     id="so few validation examples that a large gap could be chance"),
        pytest.param(FLAT, {"train": [0.9, NAN], "val": [0.8, 0.8], "error": 0.01}, "can't say",
                     id="a seed diverged"),
        pytest.param({"losses": [[0.5]], "val_losses": [[0.6]]},
                     {"train": [0.9], "val": [0.7], "error": 0.01}, "can't say", id="one epoch"),
        pytest.param(FLAT, {"train": [0.99], "val": [0.6], "error": 0.02, "reference":
                            ("linear", 0.5)}, "overfits", id="regression, one seed, R2"),
        pytest.param(FLAT, {"train": [0.10, 0.11], "val": [0.30, 0.31], "error": 0.02,
                            "higher_is_better": False, "reference": ("linear", 0.5),
                            "target": None}, "overfits", id="by the loss: lower is better"),
        pytest.param(FLAT, {"train": [0.80, 0.81], "val": [0.81, 0.80], "error": 0.02,
                            "higher_is_better": False, "reference": ("linear", 0.5),
                            "target": None}, "underfits", id="by the loss, above a linear model's"),
    ],
)  # fmt: skip
def test_what_limits_a_net(curves: dict[str, Any], changed: dict[str, Any], answer: str) -> None:
    found = fit(curves, **changed)
    assert found.answer == answer
    finding = check_fit(found, "accuracy", len(found.why))
    assert (finding.verdict is Verdict.SKIP) == (answer == "can't say")
    assert (finding.prescription is not None) == (answer in ("overfits", "underfits", "both"))


def test_a_rising_validation_loss_is_said() -> None:
    rising = {"losses": [RISING[::-1]], "val_losses": [RISING]}
    assert fit(rising, train=[1.0], val=[0.8], error=0.01).rises
    assert "val loss rises" in fit(rising, train=[1.0], val=[0.8], error=0.01).why
    assert not fit(HEART).rises  # rule 29 asks for a minimum in the first 60 % of the epochs


def test_a_net_that_still_learns_is_trained_on_before_it_is_made_larger() -> None:
    slow = {
        "losses": [[1 / n for n in range(1, 11)]],
        "val_losses": [[2 / n for n in range(1, 11)]],
    }
    found = fit(slow, train=[0.6], val=[0.6], error=0.01)
    assert found.falls
    assert str(check_fit(found, "accuracy", 1).prescription).startswith("train.epochs: twice")
