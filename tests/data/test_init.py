"""A first config for data of any kind: it is read back, loads the data, and builds its net."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from recipe.config import Config, RequestError, Task, read
from recipe.data import Dataset, load
from recipe.data.init import ENDINGS, FEWEST_EPOCHS, MOST_EPOCHS, propose, source_of
from recipe.training import new_model

RNG = np.random.default_rng(0)
EXAMPLES = 60
SIZES = RNG.normal(80, 20, EXAMPLES).round(2)
TOWNS = np.array(["Basel", "Bern", "Biel"])[np.arange(EXAMPLES) % 3]


def table(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"size": SIZES, "town": TOWNS} | columns)


def proposed(path: Path, target: str | None = None) -> tuple[str, Config, Dataset]:
    """The text, and what is read from it when it is a file."""
    text = propose(path, target)
    written = path.parent / "my.yaml"
    written.write_text(text, encoding="utf-8")
    config = read(written)
    return text, config, load(config.data)


# ---- kinds of data ------------------------------------------------------------------------------


def as_csv(folder: Path) -> Path:
    table(target=SIZES * 3).to_csv(folder / "houses.csv", index=False)
    return folder / "houses.csv"


def as_packed_tsv(folder: Path) -> Path:
    table(target=SIZES * 3).to_csv(folder / "houses.TSV.gz", index=False, sep="\t")
    return folder / "houses.TSV.gz"


def as_parquet(folder: Path) -> Path:
    table(label=TOWNS[::-1]).to_parquet(folder / "towns.parquet")
    return folder / "towns.parquet"


def as_parts(folder: Path) -> Path:
    parts = folder / "my parts"
    parts.mkdir()
    for name, rows in {"train": slice(0, 40), "test": slice(40, 60)}.items():
        table(y=np.arange(EXAMPLES) % 2)[rows].to_csv(parts / f"{name}.csv", index=False)
    return parts


def as_npz(folder: Path) -> Path:
    x = RNG.normal(size=(EXAMPLES, 3))
    np.savez(folder / "labels.npz", x=x, y=(x > 0).astype(int))
    return folder / "labels.npz"


def as_images(folder: Path, size: tuple[int, int, int] = (9, 8, 1)) -> Path:
    for n in range(EXAMPLES):
        place = folder / "pets" / ("cat" if n % 2 else "dog")
        place.mkdir(parents=True, exist_ok=True)
        pixels = RNG.integers(0, 255, size).astype(np.uint8)
        Image.fromarray(pixels.squeeze()).save(place / f"{n}.png")
    return folder / "pets"


@pytest.mark.parametrize(
    ("make", "task", "said"),
    [
        pytest.param(as_csv, Task.REGRESSION, "60 examples (36 train, 12 val, 12 test), columns: 2",
                     id="csv"),
        pytest.param(as_packed_tsv, Task.REGRESSION, "columns: 2", id="tsv, packed"),
        pytest.param(as_parquet, Task.MULTICLASS, "3 classes: Basel, Bern, Biel", id="parquet"),
        pytest.param(as_parts, Task.BINARY, "20 test)", id="a folder of train.csv and test.csv"),
        pytest.param(as_npz, Task.MULTILABEL, "3 classes: label_0, label_1, label_2", id="npz"),
        pytest.param(as_images, Task.BINARY, "images of 9 x 8, gray; 2 classes: cat, dog",
                     id="folder of images"),
    ],
)  # fmt: skip
def test_a_proposal_is_read_loads_the_data_and_builds_its_net(
    tmp_path: Path, make: Callable[[Path], Path], task: Task, said: str
) -> None:
    text, config, data = proposed(make(tmp_path))
    assert data.task is task
    assert said in text.splitlines()[2]
    assert f"# Task: {task.value}, because " in text
    assert config.model.family == ("cnn" if data.is_images else "mlp")
    assert new_model(config, data, seed=0).output_shape == (None, len(data.prior))


@pytest.mark.parametrize("size", [(3, 2, 1), (2, 40, 3), (40, 40, 3)], ids=str)
def test_a_net_for_images_of_any_size(tmp_path: Path, size: tuple[int, int, int]) -> None:
    text, config, data = proposed(as_images(tmp_path, size))
    assert ("color" if size[2] == 3 else "gray") in text
    assert data.shape == size
    new_model(config, data, seed=0)


# ---- odd names ----------------------------------------------------------------------------------

ODD = [
    "price: CHF", "#1", "yes", "null", "7", "1e3", "[a, b]", 'say "so"', "back\\slash", "größe",
    "n", "two\nlines", "'quoted'", "-", "{x}", "* all", "&and", "%", "@home", "trailing ",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_a_target_of_any_name(tmp_path: Path, name: str) -> None:
    table(**{name: SIZES * 3}).to_parquet(tmp_path / "my.parquet")
    _, config, data = proposed(tmp_path / "my.parquet", name)
    assert config.data.target == name
    assert set(data.features.origin) == {"size", "town"}


def test_columns_of_any_name_can_be_uncommented(tmp_path: Path) -> None:
    columns = {name: RNG.normal(size=EXAMPLES) for name in ODD}
    table(**columns, target=SIZES).to_parquet(tmp_path / "my.parquet")
    text, config, data = proposed(tmp_path / "my.parquet")
    assert config.data.columns == {}
    assert set(data.features.origin) == {"size", "town", *ODD}
    lines = [line.replace("# ", "", 1) if line.startswith("  # columns:")
             or line.startswith("  #   ") else line for line in text.splitlines()]  # fmt: skip
    (tmp_path / "other.yaml").write_text("\n".join(lines), encoding="utf-8")
    kinds = read(tmp_path / "other.yaml").data.columns
    assert kinds == {"size": "numeric", "town": "category"} | dict.fromkeys(ODD, "numeric")


@pytest.mark.parametrize("name", ["a\nb", "# c", "d: e"])
def test_classes_of_any_name(tmp_path: Path, name: str) -> None:
    table(target=[name, "other"] * 30).to_parquet(tmp_path / "my.parquet")
    assert set(proposed(tmp_path / "my.parquet")[2].classes) == {name, "other"}


@pytest.mark.parametrize("name", ["my data (2).csv", "größe.csv", "a #b.csv", "it's.csv"])
def test_a_file_of_any_name(tmp_path: Path, name: str) -> None:
    table(target=SIZES).to_csv(tmp_path / name, index=False)
    assert proposed(tmp_path / name)[1].data.source == f"csv:{tmp_path / name}"


def test_of_many_columns_the_first_are_listed(tmp_path: Path) -> None:
    many = {f"c{n}": RNG.normal(size=EXAMPLES) for n in range(90)}
    pd.DataFrame(many | {"target": SIZES}).to_csv(tmp_path / "wide.csv", index=False)
    text = propose(tmp_path / "wide.csv", None)
    assert text.count(": numeric") == 60
    assert "and 30 more" in text


# ---- what it finds ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        pytest.param([None, *"abcde"] * 10, id="words"),
        pytest.param([np.nan, 0, 1, 2, 0, 1] * 10, id="whole numbers"),
    ],
)
def test_examples_without_a_label_are_dropped_and_that_is_said(
    tmp_path: Path, target: list[Any]
) -> None:
    table(target=target).to_csv(tmp_path / "gaps.csv", index=False)
    text, config, data = proposed(tmp_path / "gaps.csv")
    assert config.data.missing == "drop"
    assert "# of some examples the label is missing" in text
    assert len(data.train) + len(data.val) + len(data.test_ids) == 50


def test_of_one_of_several_labels_too(tmp_path: Path) -> None:
    y = (RNG.random((EXAMPLES, 3)) > 0.5).astype(float)
    y[:6, 1] = np.nan
    np.savez(tmp_path / "my.npz", x=RNG.normal(size=(EXAMPLES, 3)), y=y)
    _, config, data = proposed(tmp_path / "my.npz")
    assert config.data.missing == "drop"
    assert data.task is Task.MULTILABEL


def test_gaps_in_columns_are_imputed(tmp_path: Path) -> None:
    rooms = np.where(np.arange(EXAMPLES) % 7 == 0, np.nan, np.arange(EXAMPLES) % 5)
    table(rooms=rooms, target=SIZES).to_csv(tmp_path / "gaps.csv", index=False)
    _, config, data = proposed(tmp_path / "gaps.csv")
    assert config.data.missing == "impute"
    assert "rooms is missing" in data.features.names


def test_it_says_what_was_read_otherwise_than_it_stands_there(tmp_path: Path) -> None:
    table(target=TOWNS).to_csv(tmp_path / "my.csv", index=False, sep=";", decimal=",")
    assert "# Note: size: numbers with decimal commas" in propose(tmp_path / "my.csv", None)


@pytest.mark.parametrize(
    ("examples", "epochs"),
    [
        pytest.param(60, MOST_EPOCHS, id="a few: the most epochs"),
        pytest.param(3000, 36, id="2000 steps"),
        pytest.param(40_000, 11, id="many: 2000 larger steps"),
        pytest.param(90_000, FEWEST_EPOCHS, id="very many: the fewest epochs"),
    ],
)
def test_fewer_examples_are_seen_more_often(tmp_path: Path, examples: int, epochs: int) -> None:
    x = RNG.normal(size=(examples, 2))
    np.savez(tmp_path / "my.npz", x=x, y=x.sum(axis=1))
    (tmp_path / "my.yaml").write_text(propose(tmp_path / "my.npz", None))
    train = read(tmp_path / "my.yaml").train
    assert train.epochs == epochs
    assert train.batch_size == (32 if examples < 40_000 else 128)


# ---- what it refuses ----------------------------------------------------------------------------


def test_a_path_with_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"nothing\.csv: no such file or folder \(in /"):
        propose(tmp_path / "nothing.csv", None)


@pytest.mark.parametrize("name", ["my.xlsx", "my", "csv"])
def test_a_file_of_another_kind(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a,b\n1,2\n")
    with pytest.raises(RequestError, match=r"must be a \.csv .*folder of images"):
        propose(tmp_path / name, None)


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        pytest.param(None, "data.target: write which column .* is to be predicted", id="unnamed"),
        pytest.param("sise", "no column 'sise'; did you mean 'size'", id="misspelt"),
    ],
)
def test_a_target_that_is_not_there(tmp_path: Path, target: str | None, problem: str) -> None:
    table(price=SIZES).to_csv(tmp_path / "my.csv", index=False)
    with pytest.raises(RequestError, match=problem):
        propose(tmp_path / "my.csv", target)


def test_too_few_examples_to_divide(tmp_path: Path) -> None:
    table(target=SIZES)[:2].to_csv(tmp_path / "my.csv", index=False)
    with pytest.raises(RequestError, match=r"^data\.split: "):
        propose(tmp_path / "my.csv", None)


@pytest.mark.parametrize("kind", list(ENDINGS))
def test_every_ending_of_a_source_is_known(tmp_path: Path, kind: str) -> None:
    for ending in ENDINGS[kind]:
        (tmp_path / f"my{ending}").touch()
        assert source_of(tmp_path / f"my{ending}") == f"{kind}:{tmp_path / f'my{ending}'}"
