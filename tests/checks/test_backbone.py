"""Pixels that a backbone knows, and some that it does not."""

import numpy as np
import pytest

from recipe.checks.backbone import check_backbone_input
from recipe.findings import Verdict

RAW = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3)).astype(np.float32)
PREPARED = RAW / 127.5 - 1


@pytest.mark.parametrize(
    ("raw", "entered", "white", "verdict", "words"),
    [
        pytest.param(RAW, PREPARED, 255, Verdict.PASS, "differs", id="its own preprocessing"),
        pytest.param(RAW, PREPARED + 1e-6, 255, Verdict.PASS, "differs", id="rounding"),
        pytest.param(RAW, RAW, 255, Verdict.FAIL, "differs", id="not prepared"),
        pytest.param(RAW, (RAW - 120) / 70, 255, Verdict.FAIL, "differs", id="standardized"),
        pytest.param(RAW, RAW[..., ::-1] / 127.5 - 1, 255, Verdict.FAIL, "differs",
                     id="BGR for RGB"),
        pytest.param(RAW / 255, PREPARED, 255, Verdict.FAIL, "white: 255 -> 1",
                     id="pixels from 0 to 1"),
        pytest.param(RAW / 255, PREPARED, 1, Verdict.PASS, "differs", id="of which white is 1"),
        pytest.param(RAW, PREPARED, 16, Verdict.FAIL, "white: 16 -> 255", id="brighter than white"),
        pytest.param(PREPARED, PREPARED, 255, Verdict.FAIL, "from 0 (black)", id="below black"),
    ],
)  # fmt: skip
def test_backbone_input(
    raw: np.ndarray, entered: np.ndarray, white: float, verdict: Verdict, words: str
) -> None:
    found = check_backbone_input(raw, entered, PREPARED, white)
    assert found.verdict is verdict
    assert words in f"{found.message} {found.prescription}"
