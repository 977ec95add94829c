"""Is what judges a net independent of what it learns from?"""

from dataclasses import dataclass, field

import numpy as np
import pytest

from recipe.checks.parts import check_across, check_drift, check_leakage, check_near_copies
from recipe.findings import Verdict
from tests.checks.test_data import holds

PASS, WARN, FAIL, SKIP = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.SKIP


@pytest.mark.parametrize(
    ("val", "test", "verdict"),
    [
        pytest.param(0.0, 0.0, PASS, id="none"),
        pytest.param(0.001, 0.0, WARN, id="one example of many"),
        pytest.param(0.5, 0.5, WARN, id="at the limit"),
        pytest.param(0.0, 0.51, FAIL, id="more than half of test"),
        pytest.param(0.9, 0.1, FAIL, id="more than half of val"),
    ],
)
def test_across(val: float, test: float, verdict: Verdict) -> None:
    finding = check_across({"val": val, "test": test})
    words = ["No example"] if verdict is PASS else [f"{val:.1%} of val", f"{test:.1%} of test"]
    holds(finding, verdict, *words)
    assert finding.measured == max(val, test)
    assert finding.code == (None if verdict is PASS else "train_val_overlap")
    assert bool(finding.prescription) == (verdict is not PASS)


@dataclass(frozen=True)
class Copies:
    shares: dict[str, float]
    within: float = 0.1
    pairs: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), int))


@pytest.mark.parametrize(
    ("val", "test", "verdict"),
    [
        pytest.param(0.0, 0.0, PASS, id="none"),
        pytest.param(0.005, 0.005, PASS, id="at the limit"),
        pytest.param(0.006, 0.0, WARN, id="some of val"),
        pytest.param(0.0, 1.0, WARN, id="all of test: never fails"),
    ],
)
def test_near_copies(val: float, test: float, verdict: Verdict) -> None:
    finding = check_near_copies(Copies({"val": val, "test": test}))
    holds(finding, verdict, f"{val:.1%} of val", f"{test:.1%} of test", "10.0% of all")
    assert finding.measured == max(val, test)
    assert finding.code == (None if verdict is PASS else "train_val_overlap")


@pytest.mark.parametrize(
    ("why_not", "words"),
    [pytest.param("", "eight numeric", id="tables"), pytest.param("No.", "No.", id="said")],
)
def test_near_copies_that_cannot_be_told_are_skipped(why_not: str, words: str) -> None:
    finding = check_near_copies(None, why_not=why_not)
    holds(finding, SKIP, words)
    assert (finding.measured, finding.code) == (None, None)


@dataclass(frozen=True)
class Leak:
    column: str
    with_: float = 1.0
    without: float = 0.8
    alone: float = 0.999
    metric: str = "AUC"


@pytest.mark.parametrize(
    ("found", "order", "dropped", "verdict", "words"),
    [
        pytest.param([], 0.5, (), PASS, ["No column", "with 0.50"], id="none"),
        pytest.param([Leak("a")], 0.5, (), FAIL, ["leaks through a", "0.800 without"], id="a leak"),
        pytest.param([Leak("a", without=0.98)], 0.5, (), FAIL, ["through a"], id="just a leak"),
        pytest.param([Leak("a", without=0.985)], 0.5, (), WARN, ["replaceable: a"], id="honest"),
        pytest.param([Leak("a", without=np.nan)], 0.5, (), WARN, ["a (alone"], id="the only one"),
        pytest.param([Leak("a"), Leak("b", without=1.0)], None, (), FAIL,
                     ["through a", "replaceable: b"], id="a leak and an honest one"),
        pytest.param([Leak("a")], 0.5, ("a",), PASS, ["Rightly dropped", "a."], id="dropped"),
        pytest.param(None, 0.5, (), PASS, ["with 0.50"], id="images"),
        pytest.param([], 0.999, (), PASS, ["sorted by the target"], id="a sorted file"),
        pytest.param([], None, (), PASS, ["No column"], id="order not measured"),
        pytest.param(None, None, (), SKIP, ["Too few"], id="nothing measured"),
    ],
)  # fmt: skip
def test_leakage(
    found: list[Leak] | None,
    order: float | None,
    dropped: tuple[str, ...],
    verdict: Verdict,
    words: list[str],
) -> None:
    finding = check_leakage(found, order, dropped)
    holds(finding, verdict, *words)
    wrong = verdict in (WARN, FAIL)
    assert finding.code == ("leak" if wrong else None)
    assert finding.measured == (0.999 if wrong else None)
    assert ("data.columns.a: drop" in str(finding.prescription)) == wrong


@dataclass(frozen=True)
class Drift:
    column: str
    part: str = "test"
    psi: float = 0.5


@pytest.mark.parametrize(
    ("found", "verdict", "words", "measured"),
    [
        pytest.param([], PASS, ["like train in every column"], 0.0, id="none"),
        pytest.param([Drift("a")], WARN, ["a (test, PSI 0.50)."], 0.5, id="a column"),
        pytest.param([Drift(n) for n in "abcdefghi"], WARN, ["and 4 more"], 0.5, id="many"),
    ],
)
def test_drift(found: list[Drift], verdict: Verdict, words: list[str], measured: float) -> None:
    finding = check_drift(found)
    holds(finding, verdict, *words)
    assert finding.measured == measured
