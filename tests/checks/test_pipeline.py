"""Checks of the skeleton: a healthy case and sick ones."""

from typing import Any

import numpy as np
import pytest

from recipe.checks.pipeline import (
    check_capacity,
    check_examples_apart,
    check_first_batch,
    check_gradients,
    check_inputs_read,
    check_regularization_off,
    check_weights_reached,
    check_whole_set,
    skipped_capacity,
    skipped_inputs_read,
)
from recipe.findings import Verdict

PASS, WARN, FAIL, SKIP = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.SKIP
NAN = float("nan")


@pytest.mark.parametrize(
    ("small", "large", "verdict"),
    [
        pytest.param([0.5, 0.52, 0.51], [0.3, 0.31, 0.29], PASS, id="it falls"),
        pytest.param([0.5, 0.52, 0.51], [0.51, 0.52, 0.5], PASS, id="it stays"),
        pytest.param([0.001, 0.002, 0.001], [0.004, 0.005, 0.004], PASS, id="both at the floor"),
        pytest.param([0.5, 0.52, 0.51], [0.4, 0.9, 0.6], PASS, id="it may rise by chance"),
        pytest.param([0.5, 0.52, 0.51], [0.6, 0.62, 0.6], WARN, id="it rises on every seed"),
        pytest.param([0.5, 0.52, 0.51], [0.3, NAN, 0.3], WARN, id="the larger one diverges"),
    ],
)
def test_capacity(small: list[float], large: list[float], verdict: Verdict) -> None:
    losses = {"small": np.array(small), "middle": np.array(large), "large": np.array(large)}
    finding = check_capacity(losses, prior=1.0)
    assert finding.verdict is verdict
    assert f"{np.mean(small):.4g} at small" in finding.message
    assert ("more than noise" in finding.message) == (verdict is WARN)


def test_regularization_off() -> None:
    assert check_regularization_off([]).verdict is PASS
    finding = check_regularization_off(["a weight decay of 0.1", "the layer 'drop' (Dropout)"])
    assert finding.verdict is WARN
    assert "Not switched off in this stage: a weight decay of 0.1, the layer" in finding.message


@pytest.mark.parametrize(
    ("inference", "training", "verdict", "words"),
    [
        pytest.param(0.0, 0.0, PASS, "No output depends on another", id="apart"),
        pytest.param(0.0, 0.2, PASS, "in training mode by 0.2, as batch norm", id="batch norm"),
        pytest.param(1e-9, 0.0, FAIL, "by 1e-09 of what", id="the least leak"),
        pytest.param(None, None, SKIP, "can't be told", id="dead"),
    ],
)
def test_examples_apart(
    inference: float | None, training: float | None, verdict: Verdict, words: str
) -> None:
    finding = check_examples_apart(inference, training)
    assert finding.verdict is verdict
    assert words in finding.message


@pytest.mark.parametrize(
    ("unread", "positions", "verdict", "words"),
    [
        pytest.param([], 1.0, PASS, "depend on features 1 to 9.", id="all of them"),
        pytest.param([], 0.8, PASS, "but on 80% of the pixels", id="an edge is cut off"),
        pytest.param([], 0.4, WARN, "but on 40% of the pixels", id="most pixels are cut off"),
        pytest.param(["age"], 1.0, WARN, "1 of 9 features reach no output: age", id="one is not"),
    ],
)
def test_inputs_read(unread: list[str], positions: float, verdict: Verdict, words: str) -> None:
    finding = check_inputs_read(unread, 9, positions)
    assert finding.verdict is verdict
    assert words in finding.message


def test_weights_reached() -> None:
    assert check_weights_reached([]).verdict is PASS
    finding = check_weights_reached(["dense/kernel"])
    assert (finding.verdict, finding.code) == (WARN, "frozen_layers")
    assert "does not depend on dense/kernel" in finding.message


SOUND: dict[str, Any] = {
    "kind": "float32", "shape": (32, 4), "numbers": (-2.0, 0.0, 2.0, 1.0), "labels": ["a", "b"],
    "alike": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        pytest.param({}, PASS, id="sound"),
        pytest.param({"kind": "uint8"}, WARN, id="pixels as they were stored"),
        pytest.param({"numbers": (NAN, NAN, NAN, NAN)}, WARN, id="not finite"),
        pytest.param({"alike": 0.3}, PASS, id="a rare class is not in it, by chance"),
        pytest.param({"alike": 1e-9}, WARN, id="sorted by class"),
    ],
)
def test_first_batch(changes: dict[str, Any], verdict: Verdict) -> None:
    finding = check_first_batch(**SOUND | changes)
    assert finding.verdict is verdict
    assert ("not shuffled" in finding.message) == ("alike" in changes and verdict is WARN)


LOSSES = np.r_[np.zeros(64), 1.0]
"""Of 65 examples, the last alone in its batch."""


@pytest.mark.parametrize(
    ("losses", "logged", "verdict"),
    [
        pytest.param(LOSSES, 1 / 65, PASS, id="the same wherever it is told"),
        pytest.param(LOSSES, None, PASS, id="no other number to compare with"),
        pytest.param(LOSSES, 1 / 3, FAIL, id="the log is a mean over batches"),
        pytest.param(LOSSES[:64], 0.0, FAIL, id="the last batch was dropped"),
        pytest.param(LOSSES * NAN, NAN, FAIL, id="not finite"),
    ],
)
def test_whole_set(losses: np.ndarray, logged: float | None, verdict: Verdict) -> None:
    finding = check_whole_set(losses, 65, 32, logged)
    assert finding.verdict is verdict
    if verdict is PASS:
        assert "over 65 of 65 examples: 0.01538" in finding.message
        assert "A mean over batches of 32 would say 0.3333" in finding.message


def test_what_was_not_measured_is_skipped() -> None:
    assert skipped_capacity("my:body").verdict is SKIP
    assert skipped_inputs_read().verdict is SKIP


@pytest.mark.parametrize(
    ("errors", "verdict", "words"),
    [
        pytest.param({"a": 1e-9, "b": 3e-5}, PASS, "All 2 weights", id="right"),
        pytest.param({"a": 1e-9, "b": 5e-3}, PASS, "off by 0.005", id="a kink was stepped over"),
        pytest.param({"a": 1e-9, "b": 0.5}, WARN, "Gradients of b are not", id="wrong"),
        pytest.param(None, SKIP, "Not measured", id="single precision only"),
    ],
)
def test_gradients(errors: dict[str, float] | None, verdict: Verdict, words: str) -> None:
    finding = check_gradients(errors)
    assert finding.verdict is verdict
    assert words in finding.message
