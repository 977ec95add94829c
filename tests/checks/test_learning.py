"""Checks of learning: a healthy case and sick ones, with the numbers in the message."""

from typing import Any

import numpy as np
import pytest

from recipe.checks.learning import (
    check_beats,
    check_blind_knows_prior,
    check_inputs_help,
    check_learning_rate,
    check_one_batch,
    check_prediction_jitter,
    check_reaches_floor,
    check_repeats,
)
from recipe.findings import Verdict

PASS, WARN, FAIL, SKIP = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.SKIP
NAN, INF = float("nan"), float("inf")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("first", "second", "verdict", "words"),
    [
        pytest.param([2.3, 1.1], [2.3, 1.1], PASS, "agree in all 2 losses", id="to the bit"),
        pytest.param([2.3, 1.1], [2.3, 1.1 + 1e-9], FAIL, "differ by up to 1e-09",
                     id="but for the last bits"),
        pytest.param([2.3, 1.1], [2.3, NAN], FAIL, "differ", id="one diverged"),
        pytest.param([2.3, NAN], [2.3, NAN], PASS, "agree in all 2", id="both diverged alike"),
        pytest.param([2.3, 1.1], [2.3], FAIL, "2 and 1 epochs", id="one ended earlier"),
    ],
)  # fmt: skip
def test_repeats(first: Any, second: Any, verdict: Verdict, words: str) -> None:
    finding = check_repeats(np.array(first), np.array(second))
    assert finding.verdict is verdict
    assert words in finding.message


def test_weights_that_differ_in_the_end_are_not_repeated() -> None:
    losses = np.array([2.3, 1.1])
    finding = check_repeats(losses, losses, apart=1e-7)
    assert finding.verdict is FAIL
    assert "1e-07 in their weights" in finding.message


def test_a_batch_that_only_a_wider_net_memorizes_is_no_bug() -> None:
    finding = check_one_batch(0.5, 0.5, 9, 9, target=0.01, size=16, wider=4)
    assert (finding.verdict, finding.code) == (FAIL, "underfitting")
    assert "At 4 times the width it does" in finding.message
    assert finding.prescription == "model.widths: 4 times as large"


@pytest.mark.parametrize(
    ("loss", "right", "verdict"),
    [
        pytest.param(0.004, 1.0, PASS, id="memorized"),
        pytest.param(0.01, 1.0, PASS, id="just so"),
        pytest.param(0.0004, None, PASS, id="a quantity, memorized"),
        pytest.param(0.43, 1.0, FAIL, id="a loss that stays: ReLU on the head"),
        pytest.param(0.004, 15 / 16, FAIL, id="one label wrong"),
        pytest.param(0.5, None, FAIL, id="a quantity, not memorized"),
        pytest.param(NAN, NAN, FAIL, id="diverged"),
        pytest.param(NAN, None, FAIL, id="a quantity, diverged"),
        pytest.param(INF, 0.0, FAIL, id="infinite"),
    ],
)
def test_one_batch(loss: float, right: float | None, verdict: Verdict) -> None:
    finding = check_one_batch(loss, right, steps=42, budget=1000, target=0.01, size=16)
    assert finding.verdict is verdict
    assert f"16 examples: loss {loss:.3g}" in finding.message
    assert "after 42 steps" in finding.message
    assert ("labels right" in finding.message) == (right is not None)
    assert "0.01" in str(finding.expected)
    assert finding.code == (None if verdict is PASS else "no_learning")


NOISE = RNG.normal(0, 0.1, 200)


@pytest.mark.parametrize(
    ("real", "blind", "verdict", "words"),
    [
        pytest.param(0.7 + NOISE, 2.3 + 0 * NOISE, PASS, "69% lower", id="they help"),
        pytest.param(0.9 + 0 * NOISE, 1.0 + 0 * NOISE, PASS, "10% lower", id="they help a little"),
        pytest.param(0.96 + 0 * NOISE, 1.0 + 0 * NOISE, FAIL, "4% lower: the inputs tell",
                     id="less than 5 %"),
        pytest.param(1.0 + NOISE, 1.0 + 0 * NOISE, FAIL, "the inputs tell the net nothing",
                     id="as good as blind"),
        pytest.param(0.9 + 20 * NOISE, 1.0 + 0 * NOISE, WARN, "too few examples",
                     id="more than 5 %, but within two standard errors"),
        pytest.param(3.5 + NOISE, 2.3 + 0 * NOISE, FAIL, "no lower", id="worse than blind"),
        pytest.param(NAN + NOISE, 2.3 + 0 * NOISE, FAIL, "nan", id="diverged"),
        pytest.param(0.7 + NOISE, NAN + NOISE, FAIL, "nan", id="the blind net diverged"),
        pytest.param(INF + NOISE, INF + NOISE, FAIL, "inf", id="infinite"),
        pytest.param(0 * NOISE, 0 * NOISE, FAIL, "0.0000", id="no loss to lower"),
    ],
)  # fmt: skip
def test_inputs_help(real: Any, blind: Any, verdict: Verdict, words: str) -> None:
    finding = check_inputs_help(real, blind, "permuted")
    assert finding.check == "inputs_permuted"
    assert finding.verdict is verdict
    assert words in finding.message
    assert f"{real.mean():.4f} on real inputs, {blind.mean():.4f} on permuted" in finding.message
    assert finding.code == ("corrupt_labels" if verdict is FAIL else None)


def test_by_how_much_inputs_must_help() -> None:
    real, blind = np.full(9, 0.9), np.full(9, 1.0)
    assert check_inputs_help(real, blind, "zeroed", gain=0.05).verdict is PASS
    assert check_inputs_help(real, blind, "zeroed", gain=0.2).verdict is FAIL


@pytest.mark.parametrize(
    ("loss", "noise", "verdict"),
    [
        pytest.param(2.303, 0.0, PASS, id="the prior"),
        pytest.param(2.34, 0.0, PASS, id="within 2 %"),
        pytest.param(2.40, 0.0, WARN, id="worse"),
        pytest.param(2.20, 0.0, WARN, id="better: something leaks"),
        pytest.param(2.40, 0.05, PASS, id="within two standard errors"),
        pytest.param(NAN, 0.0, WARN, id="NaN"),
        pytest.param(INF, 0.0, WARN, id="infinite"),
    ],
)
def test_blind_knows_prior(loss: float, noise: float, verdict: Verdict) -> None:
    finding = check_blind_knows_prior(loss, prior=2.303, noise=noise)
    assert finding.verdict is verdict
    assert f"the loss is {loss:.4f}; the prior's is 2.3030" in finding.message


@pytest.mark.parametrize(
    ("score", "gain", "verdict", "words"),
    [
        pytest.param(0.97, (0.01, 0.05), PASS, "net 0.9700, linear 0.9400: better", id="better"),
        pytest.param(0.94, (-0.01, 0.01), PASS, "the same within noise", id="as good"),
        pytest.param(0.95, (0.0, 0.03), PASS, "the same within noise", id="hardly better"),
        pytest.param(0.80, (-0.2, -0.1), WARN, "worse", id="worse"),
        pytest.param(NAN, (NAN, NAN), WARN, "worse", id="diverged"),
    ],
)
def test_beats(score: float, gain: tuple[float, float], verdict: Verdict, words: str) -> None:
    finding = check_beats("net", score, "linear", 0.94, "accuracy", gain)
    assert finding.check == "net_beats_linear"
    assert finding.verdict is verdict
    assert words in finding.message
    assert f"{gain[0]:+.4f} to {gain[1]:+.4f}" in str(finding.expected)


@pytest.mark.parametrize(
    ("loss", "accuracy", "verdict", "words"),
    [
        pytest.param(0.004, 1.0, PASS, "loss 0.004, accuracy 1.0000", id="both"),
        pytest.param(0.5, 0.99, PASS, "accuracy 0.9900", id="by its accuracy"),
        pytest.param(0.1, 0.9, PASS, "accuracy 0.9000", id="by its loss"),
        pytest.param(0.05, None, PASS, "loss 0.05, after", id="a quantity"),
        pytest.param(0.5, 0.98, FAIL, "A bug, or the net is too small", id="neither"),
        pytest.param(0.5, None, FAIL, "A bug", id="a quantity, not"),
        pytest.param(NAN, NAN, FAIL, "loss nan", id="diverged"),
        pytest.param(NAN, None, FAIL, "loss nan", id="a quantity, diverged"),
        pytest.param(INF, 0.5, FAIL, "loss inf", id="infinite"),
    ],
)
def test_reaches_floor(loss: float, accuracy: float | None, verdict: Verdict, words: str) -> None:
    target = None if accuracy is None else 0.99
    finding = check_reaches_floor(loss, accuracy, 0.115, target, sizes=3)
    assert finding.verdict is verdict
    assert words in finding.message
    assert "after 3 sizes of net" in finding.message
    assert "0.115" in str(finding.expected)
    assert finding.code == (None if verdict is PASS else "underfitting")


def test_a_floor_that_something_else_explains_does_not_blame_the_size() -> None:
    finding = check_reaches_floor(2.3, 0.1, 0.115, 0.99, sizes=1, cause="lr_too_high")
    assert finding.verdict is FAIL
    assert "after 1 size of net. Explained by lr_too_high." in finding.message
    assert finding.code is finding.prescription is None


@pytest.mark.parametrize(
    ("loss", "smaller", "verdict"),
    [
        pytest.param(0.1, {1e-3: 0.3, 1e-4: 1.5}, PASS, id="it learns itself"),
        pytest.param(0.3, {1e-3: 0.2, 1e-4: 1.5}, PASS, id="less than twice as bad"),
        pytest.param(2.3, {1e-3: 0.3, 1e-4: 1.5}, FAIL, id="a smaller one learns"),
        pytest.param(NAN, {1e-3: 0.3, 1e-4: NAN}, FAIL, id="it diverges, a smaller one learns"),
        pytest.param(INF, {1e-4: NAN, 1e-3: 0.3}, FAIL, id="it overflows, a smaller one learns"),
        pytest.param(2.3, {1e-3: 2.2, 1e-4: 2.3}, PASS, id="none learns: not the rate"),
        pytest.param(2.3, {1e-3: 1.2, 1e-4: 2.3}, PASS, id="none learns well: not proven"),
        pytest.param(NAN, {1e-3: NAN, 1e-4: NAN}, PASS, id="all diverge: not the rate"),
    ],
)
def test_learning_rate(loss: float, smaller: dict[float, float], verdict: Verdict) -> None:
    finding = check_learning_rate(loss, smaller, learning_rate=0.01, floor=2.3)
    assert finding.verdict is verdict
    assert f"Loss {loss:.3g} at learning rate 0.01" in finding.message
    assert finding.code == (None if verdict is PASS else "lr_too_high")
    if verdict is FAIL:
        assert "0.3 at 0.001" in finding.message
        assert finding.prescription == "train.learning_rate: 0.01 -> 0.001"


@pytest.mark.parametrize(
    ("flips", "jitter", "epochs", "verdict", "words"),
    [
        pytest.param(0.003, 0.007, 40, PASS, "0% of the predicted classes", id="at rest"),
        pytest.param(0.1, 0.3, 40, PASS, "10% of the predicted classes", id="just so many flips"),
        pytest.param(0.14, 0.15, 30, WARN, "14% of the predicted classes", id="rate too high"),
        pytest.param(0.35, 0.09, 30, PASS, "by 0.090", id="noisy labels: ties flip"),
        pytest.param(0.42, 0.04, 30, PASS, "by 0.040", id="no signal: a coin's flips"),
        pytest.param(0.857, 0.015, 30, WARN, "86% of the", id="died: one class of all"),
        pytest.param(0.9, 0.5, 8, WARN, "quarter of 8 looks", id="eight looks are enough"),
        pytest.param(0.9, 0.5, 7, SKIP, "7 looks at the predictions are too few", id="too few"),
        pytest.param(None, 0.5, 40, SKIP, "A regression predicts no class", id="a quantity"),
        pytest.param(NAN, NAN, 40, WARN, "are not finite", id="diverged"),
        pytest.param(NAN, NAN, 1, SKIP, "1 looks", id="diverged at once"),
    ],
)
def test_prediction_jitter(
    flips: float | None, jitter: float, epochs: int, verdict: Verdict, words: str
) -> None:
    finding = check_prediction_jitter(flips, jitter, epochs)
    assert finding.check == "prediction_jitter"
    assert finding.verdict is verdict
    assert words in finding.message
    assert "at most 10% flips" in str(finding.expected)
    assert finding.code == ("lr_too_high" if verdict is WARN else None)
    assert (finding.prescription is None) == (verdict is not WARN)


def test_what_counts_as_jitter_can_be_chosen() -> None:
    assert check_prediction_jitter(0.2, 0.05, 20, level=0.04).verdict is WARN
    assert check_prediction_jitter(0.2, 0.2, 20, most=0.3).verdict is PASS
