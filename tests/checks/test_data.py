"""Checks of the data: a healthy case and sick ones, with the numbers in the message."""

from typing import Any

import numpy as np
import pytest

from recipe.checks.data import (
    check_class_balance,
    check_constant,
    check_duplicates,
    check_finite,
    check_outliers,
    check_readable,
    check_repeats_itself,
    check_size,
)
from recipe.findings import Finding, Verdict

PASS, WARN, FAIL, SKIP = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.SKIP
NAMES = [f"f{i}" for i in range(9)]


def holds(finding: Finding, verdict: Verdict, *words: str) -> None:
    """The verdict, its words, and that a rule with a source is named."""
    assert finding.verdict is verdict
    for word in words:
        assert word in finding.message
    assert finding.expected
    assert finding.source


@pytest.mark.parametrize(
    ("examples", "verdict"),
    [
        pytest.param(50, PASS, id="just enough"),
        pytest.param(1797, PASS, id="many"),
        pytest.param(49, FAIL, id="one too few"),
        pytest.param(1, FAIL, id="one"),
    ],
)
def test_size(examples: int, verdict: Verdict) -> None:
    finding = check_size(examples, minimum=50)
    holds(finding, verdict, f"{examples} examples")
    assert finding.measured == examples
    assert "50" in str(finding.expected)
    assert bool(finding.prescription) == (verdict is FAIL)


def test_finite_says_what_the_median_stands_for() -> None:
    finding = check_finite({"a": 0}, 9, {"rooms": 3})
    holds(finding, PASS, "median stands for missing values of rooms (3)")


@pytest.mark.parametrize(
    ("corrupt", "unreadable", "verdict", "words"),
    [
        pytest.param((), {}, PASS, ["Everything could be read"], id="healthy"),
        pytest.param(("a.png: empty",), {}, WARN, ["1 of 9", "a.png: empty"], id="a bad file"),
        pytest.param((), {"age": ("old",)}, WARN, ["In age", "'old'"], id="a word among numbers"),
    ],
)
def test_readable(
    corrupt: tuple[str, ...],
    unreadable: dict[str, tuple[str, ...]],
    verdict: Verdict,
    words: list[str],
) -> None:
    holds(check_readable(corrupt, 9, unreadable), verdict, *words)


@pytest.mark.parametrize(
    ("bad", "verdict", "words", "measured"),
    [
        pytest.param({}, PASS, ["that reaches the net is a finite number"], 0, id="no features"),
        pytest.param({"a": 0, "target": 0}, PASS, ["Every value"], 0, id="none"),
        pytest.param({"a": 3, "b": 0}, FAIL, ["a (3)"], 3, id="in a feature"),
        pytest.param({"a": 0, "target": 1}, FAIL, ["target (1)"], 1, id="in the target"),
        pytest.param({"a": 1, "b": 9}, FAIL, ["b (9), a (1)"], 10, id="the worst first"),
        pytest.param(dict.fromkeys(NAMES, 2), FAIL, ["f4 (2) and 4 more"], 18, id="in many"),
    ],
)
def test_finite(bad: dict[str, int], verdict: Verdict, words: list[str], measured: int) -> None:
    finding = check_finite(bad, 100)
    holds(finding, verdict, *words)
    assert finding.measured == measured
    assert finding.code == (None if verdict is PASS else "nan_input")
    assert "b (0)" not in finding.message


@pytest.mark.parametrize(
    ("names", "total", "verdict", "words"),
    [
        pytest.param([], 9, PASS, ["Every feature changes"], id="none"),
        pytest.param(["a"], 9, PASS, ["1 of 9 features never change: a."], id="a border"),
        pytest.param(NAMES[:4], 8, PASS, ["4 of 8"], id="half of them"),
        pytest.param(NAMES[:5], 8, WARN, ["5 of 8", "f4."], id="more than half"),
        pytest.param(NAMES, 9, WARN, ["9 of 9", "f4 and 4 more"], id="all"),
    ],
)
def test_constant(names: list[str], total: int, verdict: Verdict, words: list[str]) -> None:
    finding = check_constant(names, total)
    holds(finding, verdict, *words)
    assert finding.measured == len(names)


@pytest.mark.parametrize(
    ("counts", "verdict", "words", "measured"),
    [
        pytest.param([50, 50, 50], PASS, ["1.0 times"], 1.0, id="even"),
        pytest.param([100, 10, 50], PASS, ["largest class (a) has 10.0 times", "smallest (b)"],
                     10.0, id="at the limit"),
        pytest.param([101, 10, 50], WARN, ["10.1 times"], 10.1, id="beyond the limit"),
        pytest.param([5, 0, 5], WARN, ["Train lacks the class b."], np.inf, id="an empty class"),
        pytest.param([0, 7, 0], FAIL, ["1 of 3 classes, b alone."], np.inf, id="one class"),
        pytest.param([0, 0, 0], FAIL, ["0 of 3 classes."], np.inf, id="no class at all"),
    ],
)  # fmt: skip
def test_class_balance(
    counts: list[int], verdict: Verdict, words: list[str], measured: float
) -> None:
    finding = check_class_balance(np.array(counts), "abc", ratio=10.0)
    holds(finding, verdict, *words)
    assert finding.measured == pytest.approx(measured)
    assert finding.code == (None if verdict is PASS else "class_imbalance")
    assert finding.severity == {PASS: None, WARN: "warning", FAIL: "error"}[verdict]


@pytest.mark.parametrize(
    ("share", "conflict", "verdict", "words"),
    [
        pytest.param(0.0, 1.0, PASS, ["0.0% of the examples"], id="none"),
        pytest.param(0.05, 1.0, PASS, ["5.0%"], id="a few"),
        pytest.param(0.3, 1.0, PASS, ["30.0%"], id="many that agree"),
        pytest.param(
            0.01, 0.995, PASS, ["exceed 99.50% accuracy"], id="hardly any with two labels"
        ),
        pytest.param(0.01, 0.987, WARN, ["1.0%", "exceed 98.70% accuracy"], id="with two labels"),
        pytest.param(0.3, None, PASS, ["30.0%"], id="many, a quantity"),
        pytest.param(0.0, None, PASS, ["0.0%"], id="none, a quantity"),
    ],
)
def test_duplicates(
    share: float, conflict: float | None, verdict: Verdict, words: list[str]
) -> None:
    finding = check_duplicates(share, conflict)
    holds(finding, verdict, *words)
    assert finding.measured == share
    assert ("different labels" in finding.message) == (conflict not in (None, 1.0))


@pytest.mark.parametrize(
    ("far", "verdict", "words"),
    [
        pytest.param({}, PASS, ["No value lies far outside"], id="images"),
        pytest.param({"a": 0}, PASS, ["No value"], id="none"),
        pytest.param({"a": 0, "b": 2}, WARN, ["b (2)."], id="two values"),
        pytest.param(dict.fromkeys(NAMES, 1), WARN, ["f4 (1) and 4 more"], id="in many features"),
    ],
)
def test_outliers(far: dict[str, int], verdict: Verdict, words: list[str]) -> None:
    finding = check_outliers(far)
    holds(finding, verdict, *words)
    assert finding.measured == sum(far.values())


@pytest.mark.parametrize(("same", "verdict"), [(True, PASS), (False, FAIL)])
def test_a_source_must_repeat_itself(same: bool, verdict: Verdict) -> None:
    assert check_repeats_itself(same).verdict is verdict


@pytest.mark.parametrize("limit", [20.0, 7.5])
def test_the_limit_of_outliers_is_said(limit: float) -> None:
    assert f"beyond {limit:g} times" in str(check_outliers({}, limit).expected)


@pytest.mark.parametrize(
    "finding",
    [
        check_finite({"a": 1}, 9),
        check_class_balance(np.array([0, 9]), "ab", 10.0),
    ],
    ids=lambda finding: finding.check,
)
def test_a_failure_survives_json(finding: Any) -> None:
    text = finding.model_dump_json()
    assert Finding.model_validate_json(text) == finding
