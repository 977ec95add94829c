"""What each column of a table is: a number, a category, text, a date, or nothing to learn from.

Decided by what is in the column and said aloud; `data.columns` overrules it by name. What a kind
becomes for the net is not decided here.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from numbers import Real

import numpy as np
import pandas as pd

from recipe.config import RequestError
from recipe.data.cells import (
    ISO,
    MOSTLY,
    as_days,
    as_numbers,
    as_words,
    date_formats,
    holds_dates,
    holds_numbers,
    holds_truth,
)


class Kind(StrEnum):
    """What a column is."""

    NUMERIC = "numeric"
    CATEGORY = "category"
    TEXT = "text"
    DATE = "date"
    DROP = "drop"


WORDS = 3.0
"""Mean words of a text column; categories have fewer."""

NAMES_ROWS = 0.9
"""Share of different values above which short text names its row and says nothing else of it."""

FEWEST_ROWS = 50
"""With fewer examples, values may all be different, or count up by one, by chance."""

JOINTS = 2
"""Places where a count of rows may begin anew: between train, val and test."""

ID_NAMES = ("id", "index", "key", "uuid", "guid", "unnamed: 0", "row", "rownum")
"""Names, also as the last part after an underscore, of columns that number their rows."""


@dataclass(frozen=True)
class Column:
    """A column, and why it is taken for what it is."""

    name: str
    kind: Kind
    why: str
    unreadable: tuple[str, ...] = ()
    """Up to five values that are not what the column is; all such count as missing."""

    date_format: str = ""
    """How the text of a date reads, in the letters of `strptime`."""


def infer(table: pd.DataFrame, given: Mapping[str, str]) -> dict[str, Column]:
    """Decide what every column is.

    Args:
        table: (examples, columns), without the target.
        given: name -> kind, from `data.columns`.

    Raises:
        RequestError: a given column is not in the table or can't be what is said, or a column
            holds what is neither a number, a text nor a date.
    """
    known = [str(name) for name in table.columns]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(known[:20])}"
            raise RequestError(f"data.columns: the table has no column {name!r}{hint}")
    return {
        name: _given(name, table[name], Kind(given[name]))
        if name in given
        else _column(name, table[name])
        for name in table.columns
    }


def values(column: Column, raw: pd.Series) -> pd.Series:
    """A column's values as its kind has them.

    Returns:
        numeric and date (days since 1970-01-01): float64, NaN where missing, infinite or
        unreadable; category and text: str, "" where missing.
    """
    if column.kind is Kind.NUMERIC:
        return as_numbers(raw)
    if column.kind is Kind.DATE:
        return as_days(raw, column.date_format or date_formats(raw)[0])
    return pd.Series(np.where(raw.isna(), "", as_words(raw)), raw.index, dtype=object)


_READS_AS = {Kind.NUMERIC: "number", Kind.DATE: "date"}


def _given(name: str, raw: pd.Series, kind: Kind) -> Column:
    why = "data.columns says so"
    if kind not in (Kind.NUMERIC, Kind.DATE) or raw.isna().all():
        return Column(name, kind, why)
    form = date_formats(raw)[0] if kind is Kind.DATE else ""
    column = Column(name, kind, why, date_format=form)
    read = values(column, raw)
    if read.isna().all():
        raise RequestError(
            f"data.columns.{name}: none of its values reads as a {_READS_AS[kind]}, "
            f"e.g. {raw.dropna().iloc[0]!r}; write what it is: category, text or drop"
        )
    return replace(column, unreadable=_unreadable(raw, read))


def _column(name: str, raw: pd.Series) -> Column:
    present = raw.dropna()
    if present.empty:
        return Column(name, Kind.DROP, "it is empty")
    _must_be_plain(name, present)
    if holds_dates(present):
        constant = present.nunique() == 1 and len(present) == len(raw)
        if constant:
            return Column(name, Kind.DROP, f"it is {present.iloc[0]} everywhere")
        return Column(name, Kind.DATE, "it holds dates")
    if isinstance(raw.dtype, pd.CategoricalDtype):
        return _of_words(name, raw, categorical=True)
    if holds_numbers(present):
        return _of_numbers(name, raw, truth=holds_truth(present))
    return _of_words(name, raw, categorical=False)


def _of_numbers(name: str, raw: pd.Series, truth: bool) -> Column:
    numbers = as_numbers(raw)
    finite = numbers.dropna()
    if finite.empty:
        return Column(name, Kind.DROP, "none of its numbers is finite")
    if len(finite) == len(raw) and finite.nunique() == 1:
        return Column(name, Kind.DROP, f"it is {finite.iloc[0]:.10g} everywhere")
    if truth:
        return Column(name, Kind.NUMERIC, "it is true (1) or false (0)")
    if _numbers_rows(name, finite, len(raw)):
        return Column(name, Kind.DROP, "it numbers the rows")
    return Column(name, Kind.NUMERIC, "it holds numbers", _unreadable(raw, numbers))


def _of_words(name: str, raw: pd.Series, categorical: bool) -> Column:
    text = as_words(raw.dropna())
    text = text[text != ""]
    distinct = int(text.nunique())
    if not distinct:
        return Column(name, Kind.DROP, "it is empty")
    if distinct == 1 and len(text) == len(raw):
        return Column(name, Kind.DROP, f"it is {text.iloc[0]!r} everywhere")
    if categorical:
        return Column(name, Kind.CATEGORY, f"pandas says so, {_different(distinct)}")
    counts = text.value_counts(sort=False)
    different = pd.Series(counts.index)
    share = counts[as_numbers(different).notna().to_numpy()].sum() / len(text)
    if share >= MOSTLY:
        numbers = as_numbers(raw)
        if _numbers_rows(name, numbers.dropna(), len(raw)):
            return Column(name, Kind.DROP, "it numbers the rows")
        why = "all of it are numbers" if share >= 1 else f"{share:.1%} of it are numbers"
        return Column(name, Kind.NUMERIC, why, _unreadable(raw, numbers))
    if date := _of_dates(name, raw, len(text)):
        return date
    words = float((different.str.count(r"\s+") * counts.to_numpy()).sum() / len(text)) + 1
    if words >= WORDS and distinct > len(text) / 2:
        return Column(name, Kind.TEXT, f"{words:.0f} words on average")
    if distinct > NAMES_ROWS * len(text) and len(text) >= FEWEST_ROWS:
        why = f"it names the rows: {distinct:,} different values in {len(text):,}"
        return Column(name, Kind.DROP, why)
    return Column(name, Kind.CATEGORY, _different(distinct))


def _different(distinct: int) -> str:
    return f"{distinct:,} different values" if distinct > 1 else "one value, or none"


def _of_dates(name: str, raw: pd.Series, present: int) -> Column | None:
    forms = date_formats(raw)
    days = as_days(raw, forms[0])
    share = days.notna().sum() / present
    if share < MOSTLY:
        return None
    why = "it reads as dates" if share >= 1 else f"{share:.1%} of it reads as dates"
    if forms[0] != ISO:
        why += f", {forms[0]}"
    if len(forms) > 1:
        why += f"; {forms[1]} would fit too"
    if days.nunique() == 1 and len(days.dropna()) == len(raw):
        return Column(name, Kind.DROP, f"it is {raw.iloc[0]!r} everywhere")
    return Column(name, Kind.DATE, why, _unreadable(raw, days), forms[0])


def _must_be_plain(name: str, present: pd.Series) -> None:
    """Cells are numbers, text or dates, not lists, dicts, bytes or complex numbers."""
    if present.dtype.kind == "c":
        raise RequestError(
            f"data.source: column {name!r} holds complex numbers; give two columns of real ones"
        )
    if present.dtype != object:
        return
    odd = next((cell for cell in present if not isinstance(cell, _PLAIN)), None)
    if odd is not None:
        raise RequestError(
            f"data.source: column {name!r} holds cells of type {type(odd).__name__}; a cell must "
            "be a number, a text or a date: write one column for each of its values, or leave the "
            "column out"
        )


_PLAIN = (str, Real, np.generic, Decimal, dt.date, dt.timedelta, pd.Period)
"""What a cell may be; bool is a Real, a Timestamp a date."""


def _numbers_rows(name: str, finite: pd.Series, rows: int) -> bool:
    """Whether whole numbers count the rows, or are called an id and are different in each."""
    if len(finite) < rows or not (finite % 1 == 0).all():
        return False
    last = str(name).lower().replace(" ", "_").rpartition("_")[2]
    called_so = str(name).lower() in ID_NAMES or last in ID_NAMES
    if called_so and finite.nunique() == rows:
        return True
    counts_up = (np.diff(finite.to_numpy()) != 1).sum() <= JOINTS
    return bool(counts_up and rows >= FEWEST_ROWS)


def _unreadable(raw: pd.Series, read: pd.Series) -> tuple[str, ...]:
    """Some of the values that are present and can't be read."""
    bad = as_words(raw[raw.notna() & read.isna()])
    return tuple(bad[bad != ""].unique()[:5])
