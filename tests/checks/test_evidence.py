"""What the incumbent's net says of rungs: advice, and never a fault."""

import pytest

from recipe.checks.evidence import check_columns, check_label_consistency
from recipe.findings import Verdict


@pytest.mark.parametrize(
    ("kept", "refused", "verdict", "said"),
    [
        pytest.param({"weak": 0.99}, {}, Verdict.PASS, "weak 99%", id="all of it"),
        pytest.param({"weak": 0.99}, {"flip horizontal": 0.34}, Verdict.PASS,
                     "flip horizontal (keeps 34%)", id="not mirrored"),
        pytest.param({}, {"weak zoom": 0.5}, Verdict.PASS, "keeps: nothing", id="none of it"),
        pytest.param(None, {}, Verdict.SKIP, "too seldom", id="a net that knows nothing"),
    ],
)  # fmt: skip
def test_label_consistency(
    kept: dict[str, float] | None, refused: dict[str, float], verdict: Verdict, said: str
) -> None:
    finding = check_label_consistency(kept, refused, 0.95, 300)
    assert finding.verdict is verdict
    assert said in finding.message
    assert bool(finding.prescription) is bool(refused)


@pytest.mark.parametrize(
    ("useless", "said"),
    [
        pytest.param(["id", "color"], "Without 2 of 5 it rises by 0.001", id="some"),
        pytest.param([], "None of the 5 columns is useless", id="none"),
    ],
)
def test_useless_columns(useless: list[str], said: str) -> None:
    finding = check_columns(useless, 5, 0.001, {"size": 0.4})
    assert finding.verdict is Verdict.PASS
    assert said in finding.message
    assert "size +0.4" in finding.message
    assert finding.measured == len(useless)
