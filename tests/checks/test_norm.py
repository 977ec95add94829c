"""Does a batch norm divide by the variance that it meets?"""

import pytest

from recipe.checks.norm import check_variance_shift
from recipe.findings import Verdict

NAN = float("nan")


@pytest.mark.parametrize(
    ("shifts", "verdict", "measured", "words"),
    [
        pytest.param({"a": 1.0, "b": 0.85}, Verdict.PASS, 0.85, "a 1.00, b 0.85", id="healthy"),
        pytest.param({"a": 1.0, "b": 0.5}, Verdict.WARN, 0.5, "b 0.50", id="too small"),
        pytest.param({"a": 1.4, "b": 1.0}, Verdict.WARN, 1.4, "a 1.40", id="too large"),
        pytest.param({"a": NAN, "b": 1.1}, Verdict.PASS, 1.1, "b 1.10", id="a dead one"),
        pytest.param({"a": NAN}, Verdict.SKIP, None, "nothing|varies", id="nothing but dead ones"),
        pytest.param({}, Verdict.SKIP, None, "varies", id="none"),
    ],
)
def test_variance_shift(
    shifts: dict[str, float], verdict: Verdict, measured: float | None, words: str
) -> None:
    finding = check_variance_shift(shifts)
    assert finding.verdict is verdict
    assert any(word in finding.message for word in words.split("|"))
    assert measured is None or finding.measured == measured
    assert finding.code == ("dropout_before_bn" if verdict is Verdict.WARN else None)
