"""The fault benchmark: how it is divided, that it is verified, and a slice of it trained anew."""

from __future__ import annotations

import inspect
from collections import Counter

import keras
import numpy as np
import pytest

from benchmarks.faults import data, page, score, verify
from benchmarks.faults.codes import CAUSES
from benchmarks.faults.listing import FAULTS, HEALTHY, PROGRAMS
from benchmarks.faults.program import ARCHITECTURES, DATA, Fault, Healthy, Program

HALVES = ("tune", "report")
FIGURES = {half: verify.table(half) for half in HALVES}
pytestmark = pytest.mark.filterwarnings("ignore")  # faulty programs deserve Keras's warnings


def faults_of(half: str) -> list[Fault]:
    return [fault for fault in FAULTS if fault.half == half]


# ---- what there is ------------------------------------------------------------------------------


def test_there_are_as_many_as_the_bars_ask_for() -> None:
    assert len(FAULTS) >= 64
    assert len(HEALTHY) >= 34
    clean = len(faults_of("report")) + sum(healthy.half == "report" for healthy in HEALTHY)
    assert clean >= 45  # healthy programs and twins of the report
    assert sum(healthy.half == "report" for healthy in HEALTHY) >= 15
    assert abs(len(faults_of("tune")) - len(faults_of("report"))) <= 6


def test_names_are_unique() -> None:
    assert max(Counter(program.name for program in PROGRAMS).values()) == 1


@pytest.mark.parametrize("half", HALVES)
def test_each_cause_is_in_each_half(half: str) -> None:
    covered = set().union(*(fault.causes for fault in faults_of(half)))
    assert covered == set(CAUSES)


def test_no_pair_of_data_and_architecture_is_in_both_halves() -> None:
    pairs = {
        half: {(p.data, p.architecture) for p in PROGRAMS if p.half == half} for half in HALVES
    }
    assert not pairs["tune"] & pairs["report"]
    kinds = {half: {architecture for _, architecture in pairs[half]} for half in HALVES}
    assert len(kinds["report"] - kinds["tune"]) >= 5, "kinds that no threshold was set on"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_stands_where_the_rule_puts_it(program: Fault | Healthy) -> None:
    assert program.build.__module__.split(".")[-2] == program.half == DATA[program.data]
    assert program.half in ARCHITECTURES[program.architecture]
    assert f"data.{program.data}(seed)" in inspect.getsource(program.build), (
        "it reads what it is listed with"
    )
    assert program.build.__doc__


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_well_described(fault: Fault) -> None:
    assert fault.causes
    assert fault.causes | fault.also <= set(CAUSES)
    assert not fault.causes & fault.also
    assert fault.mended
    assert set(fault.mended) <= fault.settings
    asked = ".asked" in fault.build.__module__
    assert fault.source.startswith("http") if asked else not fault.source


# ---- it is verified -----------------------------------------------------------------------------


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_its_figures_are_those_of_todays_program(program: Fault | Healthy) -> None:
    figures = FIGURES[program.half].get(program.name)
    assert verify.holds(program, figures), (
        f"measure it: python -m benchmarks.faults.verify {program.name}"
    )


@pytest.mark.parametrize(
    ("faulty", "twin", "severity"),
    [
        pytest.param([0.5, 0.6], [0.9, 0.9], "error", id="clearly better"),
        pytest.param([0.90, 0.91], [0.92, 0.93], "warning", id="a little better"),
        pytest.param([0.5, 0.9], [0.9, 0.9], None, id="not on every seed"),
        pytest.param([0.900, 0.900], [0.905, 0.905], None, id="half a point"),
    ],
)
def test_the_paired_scores_decide(
    faulty: list[float], twin: list[float], severity: str | None
) -> None:
    assert verify.severity(faulty, twin) == severity


def test_figures_of_other_code_do_not_count() -> None:
    fault = FAULTS[0]
    figures = FIGURES[fault.half][fault.name]
    assert verify.holds(fault, figures)
    assert not verify.holds(fault, figures | {"code": "of yesterday"})
    assert not verify.holds(fault, figures | {"severity": None})
    assert not verify.holds(fault, None)


def test_a_slice_is_trained_anew() -> None:
    """One fault that shows in the score, of two trainings."""
    fault = next(fault for fault in FAULTS if fault.name == "wine_with_gaps")
    keras.utils.set_random_seed(0)
    assert score.trained(fault.twin(0)) - score.trained(fault.program(0)) > verify.ERROR


def test_a_fault_that_the_data_show_is_gone_from_the_twin() -> None:
    shown = [fault for fault in FAULTS if fault.present is not None]
    assert {fault.half for fault in shown} == set(HALVES)
    for fault in shown:
        assert fault.present is not None
        assert fault.present(fault.program(0))
        assert not fault.present(fault.twin(0))


# ---- data and scores ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", DATA)
def test_data_repeat_and_differ_by_seed(name: str) -> None:
    read = getattr(data, name)
    first, again, other = read(0), read(0), read(1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.x, other.x)
    assert len(first.x) == len(first.y) > len(first.x_test) * 0.9
    assert np.isfinite(first.x).all()


@pytest.mark.parametrize(
    ("answers", "truth", "metric", "expected"),
    [
        pytest.param([[0.1, 0.9], [0.8, 0.2]], [1, 0], "accuracy", 1.0, id="the largest unit"),
        pytest.param([[0.7], [0.2]], [1, 0], "accuracy", 1.0, id="a probability, above 1/2"),
        pytest.param([[0.3], [-0.2]], [1, 0], "accuracy", 1.0, id="a logit, above 0"),
        pytest.param([[0.3], [-2.0]], [1, -1], "accuracy", 1.0, id="labels -1 and 1, in order"),
        pytest.param([[0.9, 0.1], [0.1, 0.9]], [1, 2], "accuracy", 1.0, id="labels 1 and 2"),
        pytest.param([[np.nan], [0.2]], [1, 0], "accuracy", 0.0, id="not finite"),
        pytest.param([[0.1]] * 4, [0, 0, 0, 1], "balanced_accuracy", 0.5, id="one class only"),
        pytest.param([[1.0], [3.0]], [1.0, 3.0], "r2", 1.0, id="exact"),
        pytest.param([[1e9], [3.0]], [1.0, 3.0], "r2", -1.0, id="cut off at -1"),
        pytest.param([[0.9, 0.1], [0.6, 0.7]], [[1, 0], [1, 1]], "f1", 1.0, id="every tag"),
    ],
)
def test_outputs_are_read_by_shape_and_range(
    answers: list[list[float]], truth: list[float], metric: str, expected: float
) -> None:
    assert score.one(np.array(answers), np.array(truth), metric) == pytest.approx(expected)


def test_a_program_that_breaks_scores_the_floor() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    x = np.zeros((4, 3), "float32")  # three columns into two
    assert score.trained(Program(model, x, x[:, 0], {}, (x, x[:, 0]), "r2")) == -1.0


# ---- the page -----------------------------------------------------------------------------------


def test_the_page_shows_todays_programs() -> None:
    assert page.with_tables(page.PAGE.read_text(encoding="utf-8")) == page.PAGE.read_text(
        encoding="utf-8"
    ), "write it anew: python -m benchmarks.faults.page"
