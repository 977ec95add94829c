"""`make bench-doctor`: an oracle gets full marks, one that blames everything does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from benchmarks.faults import looks, tally
from benchmarks.faults.codes import CAUSES
from benchmarks.faults.listing import HEALTHY, PROGRAMS
from benchmarks.faults.program import Fault, Healthy
from benchmarks.faults.repair import applied, is_repaired, settings_of

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("ignore")  # faulty programs deserve Keras's warnings


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return __import__("bench_doctor")


@dataclass
class Found:
    """A finding as the harness reads it."""

    code: str
    when: str = "before"
    severity: str = "error"
    change: dict[str, Any] = field(default_factory=dict)
    repair: Callable[..., Any] | None = None


@dataclass
class Said:
    """A diagnosis as the harness reads it."""

    findings: list[Found]
    symptoms: frozenset[str] = frozenset()

    @property
    def causes(self) -> set[str]:
        return {f.code for f in self.findings if f.severity != "advice"}


def chosen(*names: str) -> list[Fault | Healthy]:
    return [p for p in PROGRAMS if p.name in names]


SLICE = ("digits_at_half_a_step", "moons_softmax_of_one", "wine_with_gaps", "wine_one_by_one")


def asked(programs: list[Fault | Healthy]) -> Iterator[Fault | None]:
    """In the order of the harness: the faulty program, then its twin; healthy ones."""
    for program in programs:
        if isinstance(program, Fault):
            yield program
        yield None


def figures(outcomes: list[tally.Outcome]) -> dict[str, float]:
    return {row["name"]: row["ratio"] for row in tally.rows(outcomes)}


def test_an_oracle_gets_full_marks(bench: ModuleType) -> None:
    programs = chosen(*SLICE)
    order = asked(programs)

    def oracle(model: Any, x: Any, y: Any, **fit: Any) -> Said:
        assert model.optimizer is not None
        assert "epochs" in fit
        fault = next(order)
        return Said([Found(code) for code in sorted(fault.causes)] if fault else [])

    said = figures(list(bench.examined(programs, oracle, repair=False)))
    for name in ("precision", "precision, with clean programs", "recall", "flagged",
                 "clean programs not blamed", "named before the first step"):  # fmt: skip
        assert said[name] == 1, name


def test_one_that_blames_everything_has_low_precision(bench: ModuleType) -> None:
    said = figures(
        list(
            bench.examined(
                chosen(*SLICE),
                lambda *program, **fit: Said([Found(code, "after") for code in CAUSES]),
                repair=False,
            )
        )
    )
    assert said["recall"] == said["flagged"] == 1
    assert said["precision"] < 0.1
    assert said["clean programs not blamed"] == said["named before the first step"] == 0


def test_one_that_says_nothing_finds_nothing(bench: ModuleType) -> None:
    said = figures(list(bench.examined(chosen(SLICE[0]), lambda *p, **k: Said([]), repair=False)))
    assert said["recall"] == said["flagged"] == said["precision"] == 0
    assert said["clean programs not blamed"] == 1


def test_advice_and_errors_of_its_own_are_told_apart(bench: ModuleType) -> None:
    def advises(*program: Any, **fit: Any) -> Said:
        return Said([Found("lr_too_high", severity="advice")])

    def breaks(*program: Any, **fit: Any) -> Said:
        raise RuntimeError("cannot")

    program = chosen("wine_one_by_one")
    (outcome,) = bench.examined(program, advises)
    assert not outcome.named
    (outcome,) = bench.examined(program, breaks)
    assert outcome.broke == "RuntimeError: cannot"
    assert figures([outcome])["ended without an error of its own"] == 0


def test_a_code_that_does_not_exist_is_no_answer(bench: ModuleType) -> None:
    (outcome,) = bench.examined(
        chosen("wine_one_by_one"), lambda *p, **k: Said([Found("bad_luck")])
    )
    assert "'bad_luck' is no cause" in outcome.broke


# ---- how it is counted --------------------------------------------------------------------------


def outcome(kind: Any = "faulty", causes: str = "", also: str = "", **named: str) -> tally.Outcome:
    return tally.Outcome("p", kind, named, frozenset(causes.split()), frozenset(also.split()))


def test_an_equal_name_counts_as_the_cause_where_there_is_one() -> None:
    assert outcome(causes="dying_relu", also="bad_init", bad_init="init").found == {"dying_relu"}
    two = outcome(causes="dying_relu nan_input", also="bad_init", bad_init="init")
    assert two.right == {"bad_init"}
    assert not two.found


def test_precision_and_recall_by_hand() -> None:
    said = figures([
        outcome(causes="nan_input lr_too_low", nan_input="before", bad_init="init"),
        outcome(causes="lr_too_low", lr_too_low="during"),
        outcome("twin", bad_init="init"),
        outcome("healthy"),
    ])  # fmt: skip
    assert said["precision"] == pytest.approx(2 / 3, abs=1e-4)
    assert said["precision, with clean programs"] == 0.5
    assert said["recall"] == pytest.approx(2 / 3, abs=1e-4)
    assert said["clean programs not blamed"] == 0.5
    assert said["named before the first step"] == 0.5
    assert said["recall of lr_too_low"] == 0.5
    assert said["precision of bad_init"] == 0
    assert said["matrix: nan_input -> bad_init"] == 1


def test_rows_have_the_form_of_benchmarks() -> None:
    for row in tally.rows([outcome(causes="nan_input", nan_input="before"), outcome("twin")]):
        assert list(row)[:6] == ["name", "ratio", "low", "high", "bar", "met"]
        assert row["low"] <= row["ratio"] <= row["high"]
        assert (row["met"] is None) == (row["bar"] is None)
    json.dumps(row)


def test_nothing_to_count_meets_no_bar() -> None:
    assert tally.share("recall", 0, 0)["met"] is False


# ---- repair -------------------------------------------------------------------------------------


def test_a_config_change_reaches_settings_of_that_name() -> None:
    (fault,) = chosen("digits_at_half_a_step")
    assert isinstance(fault, Fault)
    change = {"train.learning_rate": 1e-3, "train.optimizer": "sgd"}
    assert settings_of(fault, change) == {"learning_rate": 1e-3}
    found = [Found("bad_init", severity="advice", change={"train.learning_rate": 9.0}),
             Found("lr_too_high", change=change)]  # fmt: skip
    program = applied(fault, found, 0)
    assert program is not None
    assert float(program.model.optimizer.learning_rate) == pytest.approx(1e-3)
    assert applied(fault, [Found("lr_too_high")], 0) is None


def test_a_function_repairs_any_program() -> None:
    (fault,) = chosen("wine_with_gaps")
    assert isinstance(fault, Fault)

    def without_gaps(model: Any, x: Any, y: Any, fit: dict[str, Any]) -> tuple[Any, ...]:
        import numpy as np

        return model, np.nan_to_num(x), y, fit

    def breaks(*program: Any) -> Any:
        raise ValueError("cannot")

    assert is_repaired(fault, [Found("nan_input", repair=without_gaps)], twin=0.9, seed=0)
    assert not is_repaired(fault, [Found("nan_input", repair=breaks)], twin=0.9, seed=0)
    assert not is_repaired(fault, [], twin=0.9, seed=0)


# ---- looks, and the command ---------------------------------------------------------------------


def test_looks_are_counted_when_they_begin(tmp_path: Path) -> None:
    file = tmp_path / "looks.json"
    assert looks.looks(file) == []
    assert looks.begin("my:diagnose", 3, file) == 1
    assert looks.begin("my:diagnose", 3, file) == 2
    looks.end(2, {"recall": 0.5}, file)
    first, second = looks.looks(file)
    assert first["figures"] is None
    assert second["figures"] == {"recall": 0.5}
    assert second["commit"]


def test_a_missing_diagnosis_is_a_clear_word(
    bench: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.looks, "begin", lambda *given: pytest.fail("nothing was looked at"))
    assert bench.main(["--diagnose", "recipe.nowhere:diagnose", "--half", "report"]) == 2
    assert "there is no 'recipe.nowhere:diagnose'" in capsys.readouterr().err


def quiet(model: Any, x: Any, y: Any, **fit: Any) -> Said:
    return Said([])


@pytest.mark.parametrize("half", ["tune", "report"])
def test_only_the_reporting_half_is_counted(
    half: str, bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, begin, end = tmp_path / "looks.json", looks.begin, looks.end
    monkeypatch.setattr(bench.looks, "begin", lambda *given: begin(*given, file))
    monkeypatch.setattr(bench.looks, "end", lambda *given: end(*given, file))
    monkeypatch.setattr(bench.verify, "prepare", lambda: None)
    name = next(h.name for h in HEALTHY if h.half == half)
    assert bench.main([name, "--half", half, "--diagnose", f"{__name__}:quiet"]) == 0
    counted = [look["programs"] for look in looks.looks(file)]
    assert counted == ([1] if half == "report" else [])


def test_the_result_is_a_list_of_rows(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "PROGRAMS", chosen("digits_at_half_a_step"))
    monkeypatch.setattr(bench.verify, "prepare", lambda: None)
    assert bench.main(["--no-repair", "--diagnose", f"{__name__}:quiet"]) == 1  # bars not met
    rows = json.loads((tmp_path / "runs" / "bench" / "doctor.json").read_text())
    assert {"recall", "flagged", "faulty digits_at_half_a_step"} <= {row["name"] for row in rows}
    assert "missed: digits_at_half_a_step: lr_too_high, named nothing" in capsys.readouterr().out
