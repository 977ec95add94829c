"""Findings and stage results: the records that `result.json` is made of."""

import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from recipe.findings import Finding, StageResult, Verdict, overall

SCHEMA = Path(__file__).parents[1] / "docs" / "result.schema.json"


def finding(verdict: Verdict = Verdict.PASS, **rest: Any) -> Finding:
    return Finding(check="one_batch_overfit", verdict=verdict, message="16 of 16", **rest)


def result(**rest: Any) -> StageResult:
    return StageResult(stage="overfit", verdict=Verdict.PASS, headline="loss 0.004", **rest)


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        pytest.param([], "pass", id="nothing was checked"),
        pytest.param(["pass"], "pass", id="healthy"),
        pytest.param(["skip"], "pass", id="nothing could be measured"),
        pytest.param(["pass", "skip"], "pass", id="some could not be measured"),
        pytest.param(["pass", "warn", "skip"], "warn", id="a warning"),
        pytest.param(["fail", "warn", "pass"], "fail", id="a failure before a warning"),
        pytest.param(["warn", "fail"], "fail", id="a failure after a warning"),
    ],
)
def test_the_worst_verdict_is_the_stages(verdicts: list[str], worst: str) -> None:
    findings = (finding(Verdict(verdict)) for verdict in verdicts)
    assert overall(findings) is Verdict(worst)


def test_a_finding_says_whose_rule_it_is_and_what_it_measured() -> None:
    said = finding(measured=0.004, expected="loss below 0.01", source="Karpathy 2019, step 2")
    assert json.loads(said.model_dump_json()) == {
        "check": "one_batch_overfit",
        "verdict": "pass",
        "message": "16 of 16",
        "measured": 0.004,
        "expected": "loss below 0.01",
        "source": "Karpathy 2019, step 2",
        "code": None,
        "severity": None,
        "prescription": None,
    }


@pytest.mark.parametrize(
    "measured",
    [
        pytest.param(0.5, id="a number"),
        pytest.param(0, id="zero"),
        pytest.param("3 of 16", id="words"),
        pytest.param(None, id="nothing"),
        pytest.param(math.inf, id="infinity"),
        pytest.param(-math.inf, id="minus infinity"),
        pytest.param(math.nan, id="NaN"),
    ],
)
def test_what_was_measured_survives_json(measured: float | str | None) -> None:
    before = result(
        findings=[finding(measured=measured)],
        metrics={"val_loss": measured} if isinstance(measured, float) else {},
    )
    text = before.model_dump_json()
    after = StageResult.model_validate_json(text)
    assert repr(after) == repr(before)
    strict = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    jsonschema.validate(strict, StageResult.model_json_schema())


@pytest.mark.parametrize(
    "sick",
    [
        pytest.param({"verdict": "maybe"}, id="an unknown verdict"),
        pytest.param({"measured": [1]}, id="a list for a measurement"),
        pytest.param({"mesage": "x"}, id="an unknown key"),
        pytest.param({"message": None}, id="no message"),
    ],
)
def test_a_sick_finding_is_refused(sick: dict[str, Any]) -> None:
    healthy = {"check": "a", "verdict": "pass", "message": "b"}
    Finding.model_validate(healthy)
    with pytest.raises(ValidationError):
        Finding.model_validate(healthy | sick)


def test_a_record_is_never_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        finding().verdict = Verdict.FAIL
    with pytest.raises(ValidationError, match="frozen"):
        result().forced = True


def test_the_published_schema_is_that_of_the_types() -> None:
    assert json.loads(SCHEMA.read_text()) == StageResult.model_json_schema()
