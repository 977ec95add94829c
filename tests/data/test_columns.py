"""What a column is, as a person would say who looks at it."""

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recipe.config import DataConfig, RequestError
from recipe.data.columns import Column, Kind, infer, values
from recipe.data.sources import read_anew

N = 100
RNG = np.random.default_rng(0)


def column(raw: Any, name: str = "c", given: str | None = None) -> tuple[Column, pd.Series]:
    """What a column is taken for, and its values."""
    table = pd.DataFrame({name: raw})
    found = infer(table, {name: given} if given else {})[name]
    return found, values(found, table[name])


@pytest.mark.parametrize(
    ("raw", "kind", "why"),
    [
        pytest.param(RNG.random(N), "numeric", "it holds numbers", id="numbers"),
        pytest.param(RNG.random(N).astype(np.float32), "numeric", "it holds", id="single floats"),
        pytest.param([1, 2, 2, 1] * 25, "numeric", "it holds numbers", id="few different numbers"),
        pytest.param([94105, 10001, 60601, 1] * 25, "numeric", "it holds numbers", id="zip codes"),
        pytest.param([1990 + i % 20 for i in range(N)], "numeric", "it holds", id="years"),
        pytest.param(pd.array([1, None] * 50, "Int64"), "numeric", "it holds", id="nullable"),
        pytest.param([Decimal("1.5"), Decimal(2)], "numeric", "it holds numbers", id="decimals"),
        pytest.param(pd.to_timedelta([1, 2], "h"), "numeric", "it holds numbers", id="durations"),
        pytest.param([True, False], "numeric", "it is true (1) or false (0)", id="truth"),
        pytest.param([True, None, False], "numeric", "it is true", id="truth, some missing"),
        pytest.param(["1", "2.5", "-1e3"], "numeric", "all of it are", id="numbers as text"),
        pytest.param([1, "2", 3.5, " 4 "], "numeric", "all of it are numbers", id="mixed numbers"),
        pytest.param(["1"] * 97 + ["low"] * 3, "numeric", "97.0% of it are numbers",
                     id="numbers and a few words"),
        pytest.param([np.inf, 1.0, 2.0], "numeric", "it holds numbers", id="an infinite number"),
        pytest.param(["1", "low"] * 50, "category", "2 different", id="as many words as numbers"),
        pytest.param(["red", "green"] * 50, "category", "2 different values", id="words"),
        pytest.param(["red", None] * 50, "category", "one value, or none", id="a word or nothing"),
        pytest.param(["Never worked at all", "Works for the state"] * 50, "category",
                     "2 different values", id="few phrases"),
        pytest.param(pd.Categorical([1, 2] * 50), "category", "pandas says so, 2 different values",
                     id="a category of pandas, of numbers"),
        pytest.param(["Jan", "May", "Sun"] * 30, "category", "3 different", id="names of months"),
        pytest.param(["10:30", "11:00"] * 50, "category", "2 different values", id="times of day"),
        pytest.param(["1-2", "3-4", "10-20"] * 30, "category", "3 different", id="ranges"),
        pytest.param([f"this is remark {i}" for i in range(N)], "text", "4 words on average",
                     id="sentences"),
        pytest.param(pd.date_range("2020", periods=N), "date", "it holds dates", id="dates"),
        pytest.param(pd.date_range("2020", periods=N, tz="Asia/Tokyo"), "date", "it holds dates",
                     id="dates with a time zone"),
        pytest.param([dt.date(2020, 1, 2), None, dt.date(1, 1, 1)], "date", "it holds dates",
                     id="dates of Python, one of year 1"),
        pytest.param(["2020-01-02", "2020-02-03"], "date", "it reads as dates", id="ISO dates"),
        pytest.param(["2020-01-02T10:00:00Z", "2020-02-03T11:30:00+02:00"], "date", "it reads",
                     id="ISO times"),
        pytest.param(["2020-01", "2020-02"], "date", "it reads as dates", id="months of a year"),
        pytest.param(["31/12/2020", "1/2/2020"], "date", "it reads as dates, %d/%m/%Y",
                     id="day first, as one shows"),
        pytest.param(["12/31/2020", "1/2/2020"], "date", "it reads as dates, %m/%d/%Y",
                     id="month first, as one shows"),
        pytest.param(["1/2/2020", "3/4/2020"], "date",
                     "it reads as dates, %m/%d/%Y; %d/%m/%Y would fit too", id="either way"),
        pytest.param(["31.12.2020 18:30", "01.02.2020 07:00"], "date", "%d.%m.%Y %H:%M",
                     id="German dates with a time"),
        pytest.param(["Feb 3, 2020", "Mar 14, 2021"], "date", "%b %d, %Y", id="written out"),
        pytest.param(["2020-01-02"] * 50 + ["2021-03-04"] * 48 + ["soon"] * 2, "date",
                     "98.0% of it reads as dates", id="dates and a few words"),
        pytest.param([None] * N, "drop", "it is empty", id="nothing"),
        pytest.param(["", " "], "drop", "it is empty", id="blanks"),
        pytest.param([3] * N, "drop", "it is 3 everywhere", id="one number"),
        pytest.param(["x"] * N, "drop", "it is 'x' everywhere", id="one word"),
        pytest.param([True] * N, "drop", "it is 1 everywhere", id="always true"),
        pytest.param([dt.date(2020, 1, 2)] * 3, "drop", "it is 2020-01-02 every", id="one day"),
        pytest.param(["2020-01-02", "2020-01-02 "], "drop", "everywhere", id="one day as text"),
        pytest.param([np.inf, -np.inf], "drop", "none of its numbers is finite", id="all infinite"),
        pytest.param(range(N), "drop", "it numbers the rows", id="a count from 0"),
        pytest.param(range(7, N + 7), "drop", "it numbers the rows", id="a count from 7"),
        pytest.param([*range(60), *range(40)], "drop", "it numbers the rows",
                     id="a count that begins anew in test"),
        pytest.param([str(i) for i in range(N)], "drop", "it numbers the rows", id="as text"),
        pytest.param(range(10), "numeric", "it holds numbers", id="too few to be called a count"),
        pytest.param([f"user{i}" for i in range(N)], "drop",
                     "it names the rows: 100 different values in 100", id="names of rows"),
        pytest.param([f"user{i}" for i in range(10)], "category", "10 different values",
                     id="names of few rows"),
    ],
)  # fmt: skip
def test_what_a_column_is(raw: Any, kind: str, why: str) -> None:
    found, read = column(raw)
    assert found.kind == kind
    assert why in found.why
    if kind in ("numeric", "date"):
        assert read.dtype == np.float64
        assert read.notna().mean() >= 0.5
    elif kind != "drop":
        assert all(isinstance(value, str) for value in read)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("id", "drop", id="id"),
        pytest.param("Customer ID", "drop", id="with a blank"),
        pytest.param("user_id", "drop", id="with an underscore"),
        pytest.param("Unnamed: 0", "drop", id="what pandas writes"),
        pytest.param("humid", "numeric", id="ends like it and is none"),
        pytest.param("monkey", "numeric", id="a key in it"),
    ],
)
def test_shuffled_whole_numbers_are_ids_by_their_name(name: str, kind: str) -> None:
    assert column(RNG.permutation(N) * 3, name)[0].kind == kind
    assert column(RNG.random(N), name)[0].kind == Kind.NUMERIC  # a share is no id


def test_values_that_cannot_be_read_are_missing_and_listed() -> None:
    found, read = column(["1"] * 200 + [f"w{i}" for i in range(7)] + [None, ""])
    assert found.kind == Kind.NUMERIC
    assert found.unreadable == ("w0", "w1", "w2", "w3", "w4")
    assert read.notna().sum() == 200


@pytest.mark.parametrize(
    ("raw", "given", "expected"),
    [
        pytest.param([1.0, np.inf, None], "numeric", [1, np.nan, np.nan], id="numbers"),
        pytest.param([True, None, False], "numeric", [1, np.nan, 0], id="truth"),
        pytest.param(["1,5", "2", "x"], "numeric", [np.nan, 2, np.nan], id="words as numbers"),
        pytest.param(pd.to_timedelta(["36h", None]), "numeric", [1.5, np.nan], id="durations"),
        pytest.param(["1970-01-02", "1970-01-01 12:00", None], "date", [1, 0.5, np.nan],
                     id="dates: days since 1970"),
        pytest.param([19700103, 19700104], "date", [2, 3], id="numbers as dates"),
        pytest.param([1970, 1971], "date", [0, 365], id="years as dates"),
        pytest.param([dt.datetime(1970, 1, 2, tzinfo=dt.UTC)], "date", [1], id="times"),
        pytest.param([" a ", None, "b"], "category", ["a", "", "b"], id="words without blanks"),
        pytest.param([1.0, None, 2.0], "category", ["1", "", "2"], id="whole numbers as words"),
        pytest.param([1, 2], "category", ["1", "2"], id="the same without a missing one"),
        pytest.param([1.5, 2.0], "category", ["1.5", "2"], id="numbers as words"),
        pytest.param(pd.Categorical(["a", None]), "category", ["a", ""], id="a pandas category"),
        pytest.param(["x y", None], "text", ["x y", ""], id="text"),
    ],
)  # fmt: skip
def test_values_are_as_the_kind_has_them(raw: Any, given: str, expected: list[Any]) -> None:
    read = column(raw, given=given)[1]
    if isinstance(expected[0], str):
        assert read.tolist() == expected
    else:
        assert read.to_numpy() == pytest.approx(expected, nan_ok=True)


def test_new_rows_are_read_like_those_that_were_learnt_from() -> None:
    """12/1/2020 alone could be either; the column has shown that the day stands first."""
    found, _ = column(["31/1/2020", "12/1/2020"])
    alone = values(found, pd.Series(["12/1/2020", "2020-01-12", "soon"]))
    day = (dt.date(2020, 1, 12) - dt.date(1970, 1, 1)).days
    assert alone.to_numpy() == pytest.approx([day, np.nan, np.nan], nan_ok=True)
    found, _ = column(["a", "b"] * 30)
    assert values(found, pd.Series(["c", np.nan])).tolist() == ["c", ""]


@pytest.mark.parametrize(
    ("raw", "given", "problem"),
    [
        pytest.param(["a"], {"x": "numeric"}, "data.columns: the table has no column 'x'; it has c",
                     id="no such column"),
        pytest.param(["a"], {"cc": "drop"}, "no column 'cc'; did you mean 'c'?", id="a typo"),
        pytest.param(["a"], {"c": "numeric"},
                     "data.columns.c: none of its values reads as a number, e.g. 'a'",
                     id="words are no numbers"),
        pytest.param(["a"], {"c": "date"}, "none of its values reads as a date, e.g. 'a'",
                     id="words are no dates"),
        pytest.param([[1], [2]], {}, "column 'c' holds cells of type list", id="lists in cells"),
        pytest.param([{}, {}], {}, "column 'c' holds cells of type dict", id="dicts in cells"),
        pytest.param([b"a", b"b"], {}, "column 'c' holds cells of type bytes", id="bytes"),
        pytest.param([(1,), (2,)], {}, "column 'c' holds cells of type tuple", id="tuples"),
        pytest.param([1j, 2j], {}, "column 'c' holds complex numbers", id="complex numbers"),
    ],
)  # fmt: skip
def test_what_a_column_cannot_be(raw: Any, given: dict[str, str], problem: str) -> None:
    with pytest.raises(RequestError) as caught:
        infer(pd.DataFrame({"c": pd.Series(raw)}), given)
    assert problem in str(caught.value)


def test_what_is_given_overrules() -> None:
    table = pd.DataFrame({"n": range(N), "w": ["1", "2"] * 50, "empty": None})
    found = infer(table, {"n": "numeric", "w": "category", "empty": "drop"})
    assert [c.kind for c in found.values()] == ["numeric", "category", "drop"]
    assert {c.why for c in found.values()} == {"data.columns says so"}


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "iris", "wine", "linnerud"])
def test_all_columns_of_the_bundled_tables_are_numbers(name: str) -> None:
    x = read_anew(DataConfig(source=f"sklearn:{name}")).x
    assert isinstance(x, pd.DataFrame)
    assert {c.kind for c in infer(x, {}).values()} == {Kind.NUMERIC}
