"""`recipe label`: a person's answers, kept, and their score beside the nets'."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from recipe.config import RequestError
from recipe.data.dataset import read_examples
from recipe.findings import Verdict
from recipe.stages import human
from recipe.stages.human import SKIP, STOP, Human
from tests.stages.running import images, opened, table, write


def of_table(folder: Path, **changed: Any) -> Path:
    table().assign(**changed).to_csv(folder / "my.csv", index=False)
    return write(folder, {"source": f"csv:{folder / 'my.csv'}"})


def of_digits(folder: Path) -> Path:
    return of_table(folder, target=np.arange(240) % 3 + 8)


class Person:
    """Types what it is told to, and remembers what it was shown."""

    def __init__(self, typed: Iterable[str]) -> None:
        self.typed = iter(typed)
        self.asked: list[str] = []
        self.shown: list[str] = []

    def answers(self, path: Path, count: int) -> int:
        """How many answers were recorded."""

        def prompt(question: str) -> str:
            self.asked.append(question)
            return next(self.typed)

        return human.ask(*opened(path), count, prompt, self.shown.append)


def truth(path: Path) -> list[str]:
    """The labels of val, in the order in which they are asked for."""
    config, _ = opened(path)
    examples = read_examples(config.data)
    rows = np.random.default_rng(config.seed).permutation(examples.parts["val"])
    if not examples.targets.classes:
        return [str(value) for value in examples.targets.y[rows, 0]]
    return [examples.targets.classes[k] for k in examples.targets.y[rows]]


def kept(path: Path) -> dict[str, str]:
    stored: dict[str, str] = json.loads((opened(path)[1].path / human.FILE).read_text())
    return stored


def wilson(right: int, answers: int, z: float = 1.959964) -> tuple[float, float]:
    """Ends of the interval, by its formula (Wilson 1927)."""
    share, square = right / answers, z * z
    middle = (share + square / (2 * answers)) / (1 + square / answers)
    half = z / (1 + square / answers)
    half *= np.sqrt(share * (1 - share) / answers + square / (4 * answers**2))
    return middle - half, middle + half


@pytest.mark.parametrize("wrong", [0, 5, 20], ids=["none wrong", "a quarter wrong", "all wrong"])
def test_the_score_is_the_share_of_right_answers_with_wilsons_interval(
    tmp_path: Path, wrong: int
) -> None:
    path = of_table(tmp_path)
    other = {"sold": "free", "free": "sold"}
    typed = [other[name] if n < wrong else name for n, name in enumerate(truth(path))]
    assert Person(typed).answers(path, 20) == 20
    scored = human.score(*opened(path))
    assert scored is not None
    assert (scored.answers, scored.metric, scored.value) == (20, "accuracy", 1 - wrong / 20)
    assert (scored.low, scored.high) == pytest.approx(wilson(20 - wrong, 20), abs=1e-6)
    assert f"human accuracy {1 - wrong / 20:.4f} [" in str(scored)


def test_answers_are_kept_and_the_next_time_goes_on(tmp_path: Path) -> None:
    path = of_table(tmp_path)
    labels = truth(path)
    assert Person([*labels[:6], STOP]).answers(path, 20) == 6
    before = kept(path)
    assert len(before) == 6
    person = Person(labels[6:])
    assert person.answers(path, 20) == 14
    assert person.asked[0] == "example 7"
    assert len(kept(path)) == 20
    assert kept(path).items() >= before.items()
    assert Person([]).answers(path, 20) == 0
    scored = human.score(*opened(path))
    assert scored is not None
    assert scored.value == 1


def test_what_was_answered_before_an_interruption_is_kept(tmp_path: Path) -> None:
    path = of_table(tmp_path)
    with pytest.raises(StopIteration):  # as Ctrl-C
        Person(truth(path)[:3]).answers(path, 20)
    assert len(kept(path)) == 3


def test_a_skipped_example_is_asked_again_another_time(tmp_path: Path) -> None:
    path = of_table(tmp_path)
    labels = truth(path)
    assert Person([labels[0], SKIP, *labels[2:10]]).answers(path, 10) == 9
    assert human.score(*opened(path)) is None  # of nine answers
    person = Person([labels[1]])
    assert person.answers(path, 10) == 1
    assert person.asked == ["example 2"]
    assert human.score(*opened(path)) is not None


def test_only_validation_examples_are_asked_for(tmp_path: Path) -> None:
    path = of_table(tmp_path)
    labels = truth(path)
    assert len(labels) == 48
    Person(labels).answers(path, 1000)
    config, _ = opened(path)
    examples = read_examples(config.data)
    assert set(kept(path)) == {f"{examples.keys[row]:016x}" for row in examples.parts["val"]}


def test_a_row_is_shown_without_its_label(tmp_path: Path) -> None:
    path = of_table(tmp_path)
    person = Person([STOP])
    person.answers(path, 10)
    assert person.shown[0] == "answer with free, sold; ? to skip, q to stop (10 to go)"
    assert [line.split()[0] for line in person.shown[1].splitlines()] == [
        "size", "rooms", "town", "built",
    ]  # fmt: skip
    assert "sold" not in person.shown[1]
    assert "free" not in person.shown[1]


@pytest.mark.parametrize(
    ("typed", "recorded", "complaints"),
    [
        pytest.param(["sold"], "sold", 0, id="a class"),
        pytest.param([" SOLD "], "sold", 0, id="in capitals, with blanks"),
        pytest.param(["s"], "sold", 0, id="its beginning"),
        pytest.param(["rented", "", "free"], "free", 2, id="no class, nothing, a class"),
        pytest.param(["so ld", "fr"], "free", 1, id="misspelt"),
    ],
)
def test_an_answer_is_asked_for_until_it_is_one(
    tmp_path: Path, typed: list[str], recorded: str, complaints: int
) -> None:
    path = of_table(tmp_path)
    person = Person([*typed, STOP])
    assert person.answers(path, 10) == 1
    assert list(kept(path).values()) == [recorded]
    said = [line for line in person.shown if line.startswith("write one of free, sold, ? or q")]
    assert len(said) == complaints
    assert person.asked == ["example 1"] * len(typed) + ["example 2"]


def test_a_class_that_begins_another_is_meant_itself(tmp_path: Path) -> None:
    path = of_table(tmp_path, target=np.array(["1", "10", "12"])[np.arange(240) % 3])
    person = Person(["1", "12", STOP])
    assert person.answers(path, 10) == 2
    assert list(kept(path).values()) == ["1", "12"]


def test_a_class_that_is_called_like_a_wish_can_be_answered(tmp_path: Path) -> None:
    path = of_table(tmp_path, target=np.array(["q", "other"])[np.arange(240) % 2])
    assert Person(["q", "q", "other", *"?" * 7]).answers(path, 10) == 3
    assert sorted(kept(path).values()) == ["other", "q", "q"]


def test_of_a_quantity_the_score_is_r2(tmp_path: Path) -> None:
    path = of_table(tmp_path, target=table()["size"] * 3)
    values = truth(path)
    person = Person(["much", "nan", *values[:19], "0"])
    assert person.answers(path, 20) == 20
    assert sum("write a number" in line for line in person.shown) == 2
    scored = human.score(*opened(path))
    assert scored is not None
    y = np.array(values[:20], float)
    rest = y[19] ** 2 / ((y - y.mean()) ** 2).sum()
    assert (scored.metric, scored.answers) == ("r2", 20)
    assert scored.value == pytest.approx(1 - rest)
    assert np.isnan([scored.low, scored.high]).all()
    assert "[" not in str(scored)


def test_images_are_numbered_on_a_sheet(tmp_path: Path) -> None:
    path = write(tmp_path, {"source": f"images:{images(tmp_path / 'pets', 90)}"})
    person = Person(["day", STOP])
    assert person.answers(path, 10) == 1
    sheet = opened(path)[1].path / human.SHEET
    assert person.shown[0] == f"the images, numbered: {sheet}"
    with Image.open(sheet) as drawn:
        assert drawn.format == "PNG"


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_several_answers_an_example_are_not_asked_for(tmp_path: Path, task: str) -> None:
    x = np.random.default_rng(0).normal(size=(90, 3))
    y = (x > 0).astype(int) if task == "multilabel" else x[:, :2]
    np.savez(tmp_path / "my.npz", x=x, y=y)
    path = write(tmp_path, {"source": f"npz:{tmp_path / 'my.npz'}"})
    with pytest.raises(RequestError, match="recipe label: asks for one answer an example"):
        Person([]).answers(path, 10)


def test_answers_about_other_data_are_not_counted(tmp_path: Path) -> None:
    path = of_digits(tmp_path)
    Person(truth(path)).answers(path, 12)
    assert human.score(*opened(path)) is not None
    assert human.score(*opened(path, "data.source=sklearn:iris")) is None


MEASURED = Human(answers=50, metric="accuracy", value=0.9, low=0.78, high=0.96)
QUANTITY = Human(answers=50, metric="r2", value=0.5, low=float("nan"), high=float("nan"))


@pytest.mark.parametrize(
    ("person", "verdict", "said"),
    [
        pytest.param(None, Verdict.SKIP, "recipe label asks you", id="nobody answered"),
        pytest.param(MEASURED, Verdict.PASS, "human accuracy 0.9000 [0.7800, 0.9600] on 50",
                     id="answered"),
        pytest.param(QUANTITY, Verdict.PASS, "human r2 0.5000 on 50", id="a quantity"),
    ],
)  # fmt: skip
def test_what_a_person_reaches_is_on_record(
    person: Human | None, verdict: Verdict, said: str
) -> None:
    found = human.finding(person)
    assert (found.check, found.verdict) == ("human_baseline", verdict)
    assert said in found.message
    assert found.measured == (person.value if person else None)


@pytest.mark.parametrize(
    ("person", "metric", "rows"),
    [
        pytest.param(None, "accuracy", [], id="nobody"),
        pytest.param(MEASURED, "accuracy", [("human (val)", 0.9, 0.78, 0.96)], id="the same"),
        pytest.param(MEASURED, "loss", [], id="another metric"),
        pytest.param(QUANTITY, "r2", [("human (val)", 0.5, None, None)], id="a quantity"),
    ],
)
def test_the_person_stands_in_figures_where_the_same_was_measured(
    person: Human | None, metric: str, rows: list[Any]
) -> None:
    assert human.row(person, metric) == rows
