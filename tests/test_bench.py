"""`make bench`: the arithmetic of its rows, their form, and what the page shows of them.

No test here measures anything: a machine that is busy would fail it.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGE = "# Speed\n\n<!-- figures of `make bench`, by scripts/bench.py -->\n<!-- end -->\n\nMore.\n"
PUBLISHED = ["name", "ratio", "low", "high", "bar", "met"]


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of `scripts/`, which is no package."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return __import__(name)


@pytest.fixture
def ratios(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return script("ratios", monkeypatch)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return script("bench", monkeypatch)


@pytest.fixture
def sides(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return script("sides", monkeypatch)


def seconds(ratios: ModuleType, *cpu: float, wall: float = 1.0) -> list[Any]:
    return [ratios.Seconds(each, wall) for each in cpu]


# ---- from seconds to a row ----------------------------------------------------------------------


def test_a_row_is_the_median_of_pairs_between_the_lowest_and_the_highest(
    ratios: ModuleType,
) -> None:
    measured = {
        "fit": seconds(ratios, 10.0, 30.0, 12.0),
        "ours": seconds(ratios, 1.0, 1.0, 4.0),
    }
    row = ratios.row_of(ratios.Row("speed", "fit", "ours", 8.0), measured)
    # 10, 30 and 3, each of its own round: the median of the sides would give 12
    assert row == {
        "name": "speed", "ratio": 10.0, "low": 3.0, "high": 30.0, "bar": 8.0, "met": True,
    }  # fmt: skip


def test_rounds_that_are_shares_of_one_whole_are_summed(ratios: ModuleType) -> None:
    measured = {"fit": seconds(ratios, 1.0, 1.0, 10.0), "ours": seconds(ratios, 2.0, 1.0, 5.0)}
    row = ratios.row_of(ratios.Row("speed", "fit", "ours"), measured, is_whole=True)
    assert (row["ratio"], row["low"], row["high"]) == (1.5, 0.5, 2.0)


def test_a_row_can_go_by_the_wall_clock(ratios: ModuleType) -> None:
    measured = {
        "fit": seconds(ratios, 1.0, wall=6.0),
        "ours": seconds(ratios, 1.0, wall=2.0),
    }
    row = ratios.row_of(ratios.Row("speed", "fit", "ours", clock="wall"), measured)
    assert row["ratio"] == 3.0


@pytest.mark.parametrize(
    ("ratio", "bar", "met"),
    [
        pytest.param(8.1, 8.0, True, id="above the bar"),
        pytest.param(8.0, 8.0, True, id="on the bar"),
        pytest.param(7.9999, 8.0, False, id="below it, though it is printed as 8.0"),
        pytest.param(0.1, None, None, id="no bar: there to know"),
    ],
)
def test_a_bar_is_met_or_not_or_there_is_none(
    ratios: ModuleType, ratio: float, bar: float | None, met: bool | None
) -> None:
    measured = {"fit": seconds(ratios, ratio), "ours": seconds(ratios, 1.0)}
    row = ratios.row_of(ratios.Row("speed", "fit", "ours", bar), measured)
    assert row["met"] is met
    assert row["bar"] == bar


def test_sides_are_run_in_turn(ratios: ModuleType) -> None:
    order = []

    def side(name: str) -> Any:
        order.append(name)
        return ratios.Seconds(1.0, 1.0)

    measured = ratios.interleaved({name: lambda name=name: side(name) for name in "ab"}, 3)
    assert order == ["a", "b"] * 3
    assert [len(each) for each in measured.values()] == [3, 3]


# ---- what is written ----------------------------------------------------------------------------


class Run:
    """`ratios.run` with sides that take as long as they are told to."""

    def __init__(self, ratios: ModuleType, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ratios, self.monkeypatch = ratios, monkeypatch
        self.result, self.page = home / "bench" / "training.json", home / "performance.md"
        self.page.write_text(PAGE, encoding="utf-8")
        self.fast, self.code, self.measured = 10.0, "aaaa", list[tuple[str, int]]()

    def part(self, name: str, *rows: Any) -> Any:
        def measure(rounds: int) -> Any:
            self.measured.append((name, rounds))
            fit, ours = ([self.ratios.Seconds(s, s)] * rounds for s in (self.fast, 1.0))
            return {"fit": fit, "ours": ours}

        return self.ratios.Part(measure, rows)

    def __call__(self, *arguments: str) -> int:
        row = self.ratios.Row
        parts = {
            "small": self.part("small", row("small net", "fit", "ours", 8.0)),
            "large": self.part("large", row("large net", "fit", "ours")),
        }
        self.monkeypatch.setattr(sys, "argv", ["bench.py", *arguments])
        return self.ratios.run(parts, self.result, self.page, self.code, "Measure.")

    @property
    def rows(self) -> list[dict[str, Any]]:
        return json.loads(self.result.read_text(encoding="utf-8"))

    @property
    def table(self) -> list[str]:
        return [
            line
            for line in self.page.read_text(encoding="utf-8").splitlines()
            if line.startswith("| ") and "net" in line
        ]


@pytest.fixture
def run(ratios: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(ratios, tmp_path, monkeypatch)


def test_rows_have_the_published_form_and_say_what_they_belong_to(run: Run) -> None:
    assert run() == 0
    assert [list(row) for row in run.rows] == [[*PUBLISHED, "date", "machine", "code"]] * 2
    assert [row["name"] for row in run.rows] == ["small net", "large net"]
    assert run.rows[0] | {"met": True, "bar": 8.0, "ratio": 10.0, "code": "aaaa"} == run.rows[0]
    assert re.search(r"\d cores, .*Python 3.*TensorFlow 2.*Keras 3", run.rows[0]["machine"])


def test_a_bar_that_is_not_met_ends_with_1_and_is_written_all_the_same(run: Run) -> None:
    run.fast = 2.0
    assert run() == 1
    assert [row["met"] for row in run.rows] == [False, None]
    assert run.table[0] == "| small net | 2 | 2 to 2 | 8 | **no** |  |"


def test_a_part_alone_leaves_the_rows_of_the_others(run: Run) -> None:
    run()
    run.fast, run.code = 20.0, "bbbb"
    assert run("large", "--rounds", "2") == 0
    assert run.measured[-1] == ("large", 2)
    assert [(row["ratio"], row["code"]) for row in run.rows] == [(10.0, "aaaa"), (20.0, "bbbb")]


def test_figures_of_other_code_than_todays_are_marked_as_stale(run: Run) -> None:
    run()
    assert not any("stale" in line for line in run.table)
    run.code = "bbbb"
    assert run("--page") == 0
    assert all(line.endswith("| stale |") for line in run.table)
    assert len(run.measured) == 2, "--page measures nothing"
    run("small")
    assert ["stale" in line for line in run.table] == [False, True]


def test_the_page_keeps_its_prose_and_says_on_what_it_was_measured(run: Run) -> None:
    run()
    page = run.page.read_text(encoding="utf-8")
    assert page.startswith("# Speed\n\n<!-- figures")
    assert page.endswith("<!-- end -->\n\nMore.\n")
    assert page.count("Measured on") == 1
    assert "code `aaaa`" in page
    run()
    assert run.page.read_text(encoding="utf-8") == page, "it can be written again"


def test_an_unknown_part_is_refused_with_the_known_ones(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run("larg")
    assert "no part 'larg'; one of small, large" in capsys.readouterr().err
    assert not run.result.exists()


# ---- what `make bench` has ----------------------------------------------------------------------


def shown() -> list[tuple[str, str]]:
    """(name, bar) of the rows in `docs/performance.md`."""
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("| ")]
    return [(cells[0].strip(), cells[3].strip()) for cells in rows if len(cells) == 6][1:]


def test_the_page_shows_the_rows_and_the_bars_that_are_measured(bench: ModuleType) -> None:
    rows = [row for part in bench.PARTS.values() for row in part.rows]
    assert shown() == [(row.name, "" if row.bar is None else f"{row.bar:g}") for row in rows]


def test_no_two_rows_have_one_name(bench: ModuleType) -> None:
    names = [row.name for part in bench.PARTS.values() for row in part.rows]
    assert len(set(names)) == len(names)


def test_shares_of_a_training_are_equal_and_lose_nothing(
    bench: ModuleType, ratios: ModuleType
) -> None:
    parts = bench.shares(seconds(ratios, *range(1, 11)), 3)
    assert [part.cpu for part in parts] == [1 + 2 + 3, 4 + 5 + 6, 7 + 8 + 9 + 10]


# ---- trainings that take turns ------------------------------------------------------------------


class Net:
    stop_training = False


def pretend(turns: Any, name: str, order: list[str], fails_at: int = -1) -> None:
    """A training as far as its turns go."""
    turn = turns.callback(name)
    turn.set_model(Net())
    for epoch in range(1000):
        turn.on_epoch_begin(epoch)
        order.append(f"{name}{epoch}")
        if epoch == fails_at:
            raise ValueError(name)
        if turn.model.stop_training:
            break


@pytest.fixture
def _no_turn_is_waited_for() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.mark.usefixtures("_no_turn_is_waited_for")
def test_trainings_take_turns_and_end_after_as_many_epochs(sides: ModuleType) -> None:
    order: list[str] = []
    trainings = {name: lambda turns, name=name: pretend(turns, name, order) for name in "ab"}
    laps = sides.Turns(trainings, seconds=0.0005).take()
    assert len(order) >= 2
    assert order == [f"{name}{epoch}" for epoch in range(len(order) // 2) for name in "ab"]
    assert [len(each) for each in laps.values()] == [len(order) // 2] * 2


@pytest.mark.usefixtures("_no_turn_is_waited_for")
@pytest.mark.parametrize("broken", ["a", "b"])
def test_a_training_that_fails_leaves_the_other_to_its_end(sides: ModuleType, broken: str) -> None:
    order: list[str] = []
    trainings = {
        name: lambda turns, name=name: pretend(turns, name, order, 3 if name == broken else -1)
        for name in "ab"
    }
    with pytest.raises(ValueError, match=broken):
        sides.Turns(trainings, seconds=0.05).take()
    assert order.count(f"{broken}3") == 1
    assert f"{broken}4" not in order
