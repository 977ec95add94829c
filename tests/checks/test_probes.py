"""Can the labels be believed, and would more examples help?"""

from dataclasses import dataclass, field

import numpy as np
import pytest

from recipe.checks.probes import check_detail, check_label_noise, check_more_data
from recipe.findings import Verdict
from tests.checks.test_data import holds

PASS, WARN, FAIL, SKIP = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.SKIP


@dataclass(frozen=True)
class Quality:
    noise: float
    unexplained: float


@pytest.mark.parametrize(
    ("noise", "unexplained", "verdict", "words"),
    [
        pytest.param(0.0, 0.02, PASS, "0.0%", id="clean"),
        pytest.param(0.05, 0.02, PASS, "5.0%", id="at the limit"),
        pytest.param(0.09, 0.03, WARN, "9.0%", id="a tenth flipped"),
        pytest.param(0.07, 0.09, PASS, "classes overlap", id="adult"),
        pytest.param(0.23, 0.18, PASS, "classes overlap", id="wine by points"),
    ],
)
def test_label_noise(noise: float, unexplained: float, verdict: Verdict, words: str) -> None:
    finding = check_label_noise(Quality(noise, unexplained))
    holds(finding, verdict, words)
    assert finding.measured == noise
    assert finding.code == ("label_noise" if verdict is WARN else None)


def test_label_noise_that_was_not_measured_says_how() -> None:
    holds(check_label_noise(None), SKIP, "uv pip install 'recipe[labels]'")


@dataclass(frozen=True)
class Curve:
    last_gain: float
    spread: float
    next_gain: float
    examples: tuple[int, ...] = (10, 20, 40, 80)
    scores: np.ndarray = field(default_factory=lambda: np.full((4, 3), 0.9))


@pytest.mark.parametrize(
    ("curve", "verdict", "words"),
    [
        pytest.param(Curve(0.03, 0.01, 0.02), PASS, ["help, about +0.020", "80 exa"], id="helps"),
        pytest.param(Curve(0.03, 0.02, 0.02), PASS, ["hardly"], id="within the spread"),
        pytest.param(Curve(0.03, 0.01, 0.0), PASS, ["hardly"], id="no more to come"),
        pytest.param(Curve(-0.01, 0.001, 0.0), PASS, ["fell", "hardly"], id="a loss"),
        pytest.param(None, SKIP, ["Too few"], id="not measured"),
    ],
)
def test_more_data(curve: Curve | None, verdict: Verdict, words: list[str]) -> None:
    finding = check_more_data(curve)
    holds(finding, verdict, *words)
    assert finding.measured == (curve.last_gain if curve else None)
    assert (finding.severity, finding.code) == (None, None)


@pytest.mark.parametrize(
    ("sizes", "verdict", "measured"),
    [
        pytest.param({(28, 28): 0.9, (14, 14): 0.9, (7, 7): 0.8}, PASS, "14 x 14", id="half"),
        pytest.param({(28, 28): 0.9, (14, 14): 0.8}, PASS, "28 x 28", id="all of it"),
        pytest.param({(28, 28): 0.9, (14, 14): 0.8, (7, 7): 0.9}, PASS, "7 x 7", id="odd"),
        pytest.param({(28, 20): -0.1, (14, 10): -0.2}, PASS, "28 x 20", id="no score at all"),
        pytest.param(None, SKIP, None, id="a table"),
    ],
)
def test_detail(
    sizes: dict[tuple[int, int], float] | None, verdict: Verdict, measured: str | None
) -> None:
    finding = check_detail(sizes)
    holds(finding, verdict, *([measured] if measured else ["No images"]))
    assert finding.measured == measured
    assert finding.severity is None
