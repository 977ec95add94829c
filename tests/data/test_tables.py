"""Tables in files: the same numbers and words come out in whatever shape they are stored."""

import bz2
import datetime as dt
import gzip
import io
import lzma
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipe.config import DataConfig, RequestError
from recipe.data.equal import content_keys
from recipe.data.sources import RawExamples, read_anew
from recipe.data.sources.examples import KEY

TABLE = pd.DataFrame(
    {
        "age": [39, 50, None, 38],
        "work": ["State-gov", "Private", "?", None],
        "note": ["a, b", 'say "hi"', "two\nlines", "café"],
        "income": ["<=50K", ">50K", "<=50K", "<=50K"],
    }
)
TEXT = TABLE.to_csv(index=False)


def read(source: str, **config: Any) -> RawExamples:
    return read_anew(DataConfig(source=source, **config))


def table(raw: RawExamples) -> pd.DataFrame:
    assert isinstance(raw.x, pd.DataFrame)
    return raw.x


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("a.csv", data)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        pytest.param("a.csv", bytes, id="plain"),
        pytest.param("a.csv.gz", gzip.compress, id="gzip"),
        pytest.param("a.csv.bz2", bz2.compress, id="bzip2"),
        pytest.param("a.csv.xz", lzma.compress, id="xz"),
        pytest.param("a.csv.zip", zipped, id="zip"),
        pytest.param("a.data", bytes, id="any other ending"),
    ],
)
def test_a_file_in_any_packing(name: str, pack: Any, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(pack(TEXT.encode()))
    raw = read(f"csv:{tmp_path / name}", target="income")
    x = table(raw)
    assert x["age"].tolist() == pytest.approx([39, 50, np.nan, 38], nan_ok=True)
    assert x["work"].fillna("-").tolist() == ["State-gov", "Private", "-", "-"]
    assert x["note"].tolist() == TABLE["note"].tolist()
    assert raw.y.tolist() == TABLE["income"].tolist()
    assert raw.parts is None
    assert raw.remarks == ("? counts as missing in work: 1 values",)


@pytest.mark.parametrize(
    ("files", "source"),
    [
        pytest.param(("train.csv", "test.csv", "val.csv"), "csv:{}", id="a folder"),
        pytest.param(("train.csv", "test.csv.gz", "valid.csv"), "csv:{}", id="a folder of mixed"),
        pytest.param(("a.csv", "b.csv", "c.csv"), "csv:train={}/a.csv,test={}/b.csv,val={}/c.csv",
                     id="files by name"),
        pytest.param(("a.csv", "b.csv", "c.csv"), "csv:test={}/b.csv, val={}/c.csv,train={}/a.csv",
                     id="files by name, in any order"),
    ],
)  # fmt: skip
def test_parts_come_as_train_val_test(
    files: tuple[str, str, str], source: str, tmp_path: Path
) -> None:
    for rows, name in zip(([0, 1], [2], [3]), files, strict=True):
        TABLE.iloc[rows].to_csv(tmp_path / name, index=False)
    raw = read(source.replace("{}", str(tmp_path)), target="income")
    assert raw.parts is not None
    assert raw.parts.tolist() == ["train", "train", "val", "test"]
    assert table(raw)["note"].tolist() == ["a, b", 'say "hi"', "café", "two\nlines"]


def test_a_path_may_have_commas_and_equal_signs(tmp_path: Path) -> None:
    folder = tmp_path / "a,b=c"
    folder.mkdir()
    (folder / "t.csv").write_text(TEXT)
    assert len(read(f"csv:{folder}/t.csv", target="income").y) == 4
    named = read(f"csv:train={folder}/t.csv,test={folder}/t.csv", target="income")
    assert len(named.y) == 8


@pytest.mark.parametrize(
    ("column", "y"),
    [
        pytest.param("1 0 1", [1, 0, 1], id="whole numbers"),
        pytest.param("1.0 0.0 2.0", [1, 0, 2], id="whole numbers with a point"),
        pytest.param("1.5 0 -1e-3", [1.5, 0.0, -0.001], id="numbers"),
        pytest.param("01 1 2", [1, 1, 2], id="numbers with zeros in front"),
        pytest.param("yes no yes", ["yes", "no", "yes"], id="words"),
        pytest.param("True False True", ["True", "False", "True"], id="true and false are classes"),
        pytest.param("1 2 x", ["1", "2", "x"], id="numbers and a word are words"),
        pytest.param("1_0 2 3", ["1_0", "2", "3"], id="an underscore makes a word"),
    ],
)
def test_targets_are_numbers_if_all_of_them_are(column: str, y: list[Any], tmp_path: Path) -> None:
    rows = "".join(f"{i},{value}\n" for i, value in enumerate(column.split()))
    (tmp_path / "a.csv").write_text("x,target\n" + rows)
    raw = read(f"csv:{tmp_path}/a.csv")
    assert raw.y.tolist() == y
    assert {type(value) for value in raw.y.tolist()} == {type(value) for value in y}


def test_several_targets_keep_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,u,v\n1,0,2.5\n2,1,3\n")
    raw = read(f"csv:{tmp_path}/a.csv", target=("u", "v"))
    assert raw.y.tolist() == [[0, 2.5], [1, 3]]
    assert raw.target_names == ("u", "v")
    assert read(f"csv:{tmp_path}/a.csv", target="u").target_names == ()


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        pytest.param("a;b;target\n1,5;x,y;0\n2;z;1\n", [[1.5, "x,y"], [2.0, "z"]],
                     id="semicolons, with commas in the values"),
        pytest.param("a,b,target\n1;2,x;,0\n3;4,y;,1\n", [["1;2", "x;"], ["3;4", "y;"]],
                     id="commas, with semicolons in the values"),
        pytest.param("a\tb\ttarget\n1\tx, y and z\t0\n2\tw\t1\n", [[1.0, "x, y and z"], [2.0, "w"]],
                     id="tabs, with commas in the values"),
        pytest.param('a,b,target\n1,"x;y;z",0\n2,"u;v;w",1\n', [[1.0, "x;y;z"], [2.0, "u;v;w"]],
                     id="commas, with quotes"),
    ],
)  # fmt: skip
def test_the_separator_is_the_one_that_divides_all_rows_alike(
    text: str, read_as: list[list[Any]], tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert table(read(f"csv:{tmp_path}/a.csv")).to_numpy().tolist() == read_as


def test_numbers_are_the_nearest_doubles(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).lognormal(0, 30, 1000)
    pd.DataFrame({"a": numbers, "target": 0}).to_csv(tmp_path / "a.csv", index=False)
    assert (table(read(f"csv:{tmp_path}/a.csv"))["a"].to_numpy() == numbers).all()


def test_the_content_of_an_example_does_not_depend_on_its_neighbors(tmp_path: Path) -> None:
    """A missing value beside it makes 1 into 1.0 in pandas, and an example into another one."""
    for name, rows in {"a": "1,x,0\n2,y,1\n", "b": "1,x,0\n2,y,1\n,,0\n"}.items():
        (tmp_path / f"{name}.csv").write_text("n,w,target\n" + rows)
    small, large = (table(read(f"csv:{tmp_path}/{name}.csv")) for name in "ab")
    assert content_keys(small).tolist() == content_keys(large)[:2].tolist()


PARQUET = pa.table(
    {
        "whole": pa.array([1, None], pa.int32()),
        "small": pa.array([0.5, 1], pa.float32()),
        "exact": pa.array([Decimal("1.50"), None]),
        "truth": pa.array([True, None]),
        "text": pa.array(["a", None]),
        "category": pa.array(["u", "v"]).dictionary_encode(),
        "day": pa.array([dt.date(2020, 1, 2), None]),
        "time": pa.array([dt.datetime(2020, 1, 2, 12), None], pa.timestamp("ns", "Europe/Rome")),
        "length": pa.array([dt.timedelta(hours=36), None]),
        "nothing": pa.nulls(2),
        "target": pa.array([False, True]),
    }
)


def test_parquet_keeps_what_its_columns_are(tmp_path: Path) -> None:
    pq.write_table(PARQUET, tmp_path / "a.parquet")
    raw = read(f"parquet:{tmp_path}/a.parquet")
    x = table(raw)
    first = {name: values.iloc[0] for name, values in x.items()}
    numbers = ("whole", "small", "exact", "truth", "length", "nothing")
    assert {name: x[name].dtype.name for name in numbers} == dict.fromkeys(numbers, "float64")
    assert [first[name] for name in numbers[:-1]] == [1, 0.5, 1.5, 1, 1.5]
    assert (first["text"], first["category"]) == ("a", "u")
    assert first["day"] == pd.Timestamp("2020-01-02")
    assert first["time"] == pd.Timestamp("2020-01-02 12:00")  # noon in UTC, shown in Rome as 13
    assert x.iloc[1].isna().sum() == 8
    assert raw.y.tolist() == [False, True]


def test_parquet_in_parts_and_with_the_index_of_pandas(tmp_path: Path) -> None:
    for name, rows in {"train": [0, 1], "test": [3, 2]}.items():
        TABLE.iloc[rows].set_axis(["p", "q"]).to_parquet(tmp_path / f"{name}.parquet")
    raw = read(f"parquet:{tmp_path}", target="income")
    assert raw.parts is not None
    assert raw.parts.tolist() == ["train", "train", "test", "test"]
    assert list(table(raw)) == ["age", "work", "note"]
    said = "train.parquet: the index that pandas stored beside the columns is left out"
    assert said in raw.remarks


def test_csv_and_parquet_give_the_same(tmp_path: Path) -> None:
    plain = TABLE.assign(work=TABLE["work"].replace("?", None))
    plain.to_csv(tmp_path / "a.csv", index=False)
    plain.to_parquet(tmp_path / "a.parquet", index=False)
    one = read(f"csv:{tmp_path}/a.csv", target="income")
    other = read(f"parquet:{tmp_path}/a.parquet", target="income")
    assert content_keys(one.x).tolist() == content_keys(other.x).tolist()
    assert one.y.tolist() == other.y.tolist()


def test_parts_of_parquet_hold_the_same_kinds(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "target": [0]}), tmp_path / "train.parquet")
    pq.write_table(pa.table({"a": ["x"], "target": [0]}), tmp_path / "test.parquet")
    with pytest.raises(RequestError) as caught:
        read(f"parquet:{tmp_path}")
    assert str(caught.value) == (
        f"{KEY}: {tmp_path}/test.parquet: column 'a' holds text, in {tmp_path}/train.parquet it "
        "holds numbers"
    )
