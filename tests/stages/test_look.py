"""`recipe look`: what is known of the examples, searched and sorted."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from recipe.cli import cli
from recipe.config import RequestError
from recipe.data import load
from recipe.data.sources import forget
from recipe.stages import look
from recipe.training.evaluate import predictions
from tests.stages.running import images, opened, run, table, write

ROWS = 90


@pytest.fixture(scope="module")
def on_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config whose data stage has run on a table, with predictions as `baseline` keeps them."""
    folder = tmp_path_factory.mktemp("table")
    table()[:ROWS].to_csv(folder / "my.csv", index=False)
    path = write(folder, {"source": f"csv:{folder / 'my.csv'}"})
    run(path)
    data = load(opened(path)[0].data)
    sure = np.linspace(1, 2, len(data.val)) * np.where(data.val.y == 1, 1.0, -1.0)
    logits = np.where(np.arange(len(data.val)) % 4 == 0, -1.0, 1.0) * sure
    kept = predictions(logits[:, np.newaxis], data.val, "val", data)
    (folder / "runs" / "my" / "baseline").mkdir()
    np.savez(folder / "runs" / "my" / "baseline" / "predictions.npz", **kept)
    return path


@pytest.fixture(scope="module")
def on_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    path = write(folder, {"source": f"images:{images(folder / 'pets', ROWS)}"})
    run(path)
    return path


@pytest.fixture
def known(on_table: Path) -> pd.DataFrame:
    return look.known_of(*opened(on_table))


def test_all_that_is_known_of_train_and_val_and_nothing_of_test(known: pd.DataFrame) -> None:
    assert set(known["part"]) == {"train", "val"}
    assert {"example", "label", "copies", "missing", "size", "town", "loss", "right"} <= set(known)
    assert len(known) == 0.8 * ROWS
    whole = table()[:ROWS]
    assert known["size"].tolist() == whole["size"][known.index].tolist()
    assert known["label"].tolist() == whole["target"][known.index].tolist()


def test_predictions_are_those_of_val(known: pd.DataFrame) -> None:
    val = known[known["part"] == "val"]
    assert known["loss"].notna().sum() == len(val)
    assert val["right"].tolist() == [n % 4 > 0 for n in range(len(val))]
    assert ((val["prediction"] == val["label"]) == val["right"]).all()
    np.testing.assert_allclose(val["loss"].astype(float), -np.log(val["p_label"].astype(float)))


@pytest.mark.parametrize(
    ("where", "meets"),
    [
        pytest.param("size > 80", lambda t: t["size"] > 80, id="a number"),
        pytest.param("label == 'sold' and part == 'val'",
                     lambda t: (t["label"] == "sold") & (t["part"] == "val"), id="two conditions"),
        pytest.param("town.str.startswith('B') and rooms in (1, 2)",
                     lambda t: t["rooms"].isin([1, 2]), id="text"),
        pytest.param("right == False", lambda t: t["right"] == False, id="mistakes"),  # noqa: E712
    ],
)  # fmt: skip
def test_a_condition(known: pd.DataFrame, where: str, meets: Any) -> None:
    found = look.query(known, where, None, False)
    assert found.index.tolist() == known.index[meets(known)].tolist()
    assert 0 < len(found) < len(known)


@pytest.mark.parametrize("ascending", [True, False])
def test_an_order_with_the_unknown_last(known: pd.DataFrame, ascending: bool) -> None:
    losses = look.query(known, None, "loss", ascending)["loss"].to_numpy(float)
    val = (known["part"] == "val").sum()
    ordered = losses[:val]
    assert np.isnan(losses[val:]).all()
    assert (np.diff(ordered if ascending else ordered[::-1]) >= 0).all()


@pytest.mark.parametrize(
    ("where", "sort", "problem"),
    [
        pytest.param("sise > 3", None, "--where: 'sise > 3': .*sise.*columns: example, part",
                     id="no such column"),
        pytest.param("size >", None, "--where: 'size >': ", id="half a condition"),
        pytest.param("", "sise", "--sort: no column 'sise' .*columns: example, part", id="order"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(known: pd.DataFrame, where: str, sort: Any, problem: str) -> None:
    with pytest.raises(RequestError, match=problem):
        look.query(known, where, sort, False)


@pytest.mark.parametrize("width", ["60", "120"])
def test_the_columns_asked_for_are_shown_and_others_as_they_fit(
    known: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    text = look.as_text(known.head(3), "rooms", "size > 0")
    header, *rows = text.split("\n")
    assert header.split()[:5] == ["example", "part", "label", "rooms", "size"]
    assert len(rows) == 3
    assert len(header) <= int(width)
    assert ("town" in header) == (width == "120")


def test_nothing_found_is_said(known: pd.DataFrame) -> None:
    assert look.as_text(known[:0], None, "size > 1e9") == "no example meets that"


def test_labels_that_are_numbers_are_compared_as_numbers(tmp_path: Path) -> None:
    table()[:60].assign(target=np.arange(60) % 3).to_csv(tmp_path / "my.csv", index=False)
    path = write(tmp_path, {"source": f"csv:{tmp_path / 'my.csv'}"})
    run(path)
    found = look.query(look.known_of(*opened(path)), "label == 2", None, False)
    assert len(found) == 16


def test_images_are_drawn_as_a_sheet(on_images: Path, tmp_path: Path) -> None:
    config, folder = opened(on_images)
    found = look.query(look.known_of(config, folder), "label == 'day'", "brightness", False)
    path = look.sheet(config, found.head(12), "brightness", tmp_path / "new" / "look.png")
    assert path is not None
    with Image.open(path) as drawn:
        assert drawn.format == "PNG"
    assert look.sheet(config, found[:0], None, tmp_path / "none.png") is None
    assert not (tmp_path / "none.png").exists()


def test_of_a_table_there_is_no_sheet(on_table: Path, tmp_path: Path) -> None:
    config, folder = opened(on_table)
    known = look.known_of(config, folder)
    assert look.sheet(config, known, None, tmp_path / "look.png") is None


def test_before_the_data_stage_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    table()[:60].to_csv(tmp_path / "my.csv", index=False)
    path = write(tmp_path, {"source": f"csv:{tmp_path / 'my.csv'}"})
    with pytest.raises(RequestError, match="the data stage writes it, so run it first"):
        look.known_of(*opened(path))


def test_examples_of_other_data_are_refused(tmp_path: Path) -> None:
    table()[:60].to_csv(tmp_path / "my.csv", index=False)
    path = write(tmp_path, {"source": f"csv:{tmp_path / 'my.csv'}"})
    run(path)
    table()[:40].to_csv(tmp_path / "my.csv", index=False)
    forget()
    with pytest.raises(RequestError, match="is of other data or another split; run the data"):
        look.known_of(*opened(path))


# ---- the command --------------------------------------------------------------------------------


def command(path: Path, *arguments: str) -> Any:
    runs = str(path.parent / "runs")
    return CliRunner().invoke(cli, ["look", str(path), "--runs", runs, *arguments])


def test_the_command_shows_and_counts(on_table: Path) -> None:
    said = command(on_table, "--where", "part == 'val'", "--sort", "loss", "--count", "4")
    assert said.exit_code == 0
    assert "17 of 72 train and val examples" in said.output
    lines = said.output.splitlines()
    assert len(lines) == 4 + 2
    assert all(" val " in line for line in lines[1:5])


def test_the_command_says_where_the_sheet_is(on_images: Path) -> None:
    said = command(on_images, "--sort", "brightness", "--ascending", "--count", "9")
    assert said.exit_code == 0
    assert (on_images.parent / "runs" / "my" / "look.png").is_file()
    assert "as a contact sheet: " in said.output
