"""What each column of a table is: a number, a category, text, a date, or nothing to learn from.

Decided by what is in the column and said aloud; `data.columns` overrules it by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd

from recipe.config import RequestError


class Kind(StrEnum):
    """What a column is."""

    NUMERIC = "numeric"
    CATEGORY = "category"
    TEXT = "text"
    DATE = "date"
    DROP = "drop"


MOSTLY = 0.95
"""Share of a column's values that must read as numbers or dates for it to be taken for such;
the rest are then missing values, and the data stage counts them."""

WORDS = 3.0
"""Mean words of a text column; categories have fewer."""

ID_NAMES = ("id", "index", "key", "uuid", "guid", "unnamed: 0", "row", "rownum")
"""Names, also as the last part after an underscore, of columns that number their rows."""


@dataclass(frozen=True)
class Column:
    """A column, and why it is taken for what it is."""

    name: str
    kind: Kind
    why: str
    unreadable: tuple[str, ...] = ()
    """Values that are not what the column is; they count as missing."""


def infer(table: pd.DataFrame, given: Mapping[str, str]) -> dict[str, Column]:
    """Decide what every column is.

    Args:
        table: (examples, columns), without the target.
        given: name -> kind, from `data.columns`.

    Raises:
        RequestError: a given column is not in the table.
    """
    for name in given:
        if name not in table.columns:
            known = ", ".join(map(str, table.columns[:20]))
            raise RequestError(f"data.columns: no column {name!r}; the table has {known}")
    return {
        name: _column(name, table[name], Kind(given[name]) if name in given else None)
        for name in table.columns
    }


def values(column: Column, raw: pd.Series) -> pd.Series:
    """A column's values as its kind has them.

    Returns:
        numeric and date (days since 1970-01-01): float64, NaN where missing; category and text:
        str, "" where missing.
    """
    if column.kind is Kind.NUMERIC:
        return _numbers(raw)
    if column.kind is Kind.DATE:
        return _days(raw)
    return pd.Series(np.where(raw.isna(), "", raw.astype(str).str.strip()), raw.index, dtype=object)


def _column(name: str, raw: pd.Series, given: Kind | None) -> Column:
    if given is not None:
        return Column(name, given, "data.columns says so", _unreadable(raw, given))
    present = raw.dropna()
    if present.empty:
        return Column(name, Kind.DROP, "it is empty")
    distinct = present.nunique()
    if distinct == 1 and len(present) == len(raw):
        return Column(name, Kind.DROP, f"it is {present.iloc[0]!r} everywhere")
    if pd.api.types.is_datetime64_any_dtype(raw):
        return Column(name, Kind.DATE, "it holds dates")
    if pd.api.types.is_numeric_dtype(raw):
        if _numbers_rows(name, present, len(raw)):
            return Column(name, Kind.DROP, "it numbers the rows")
        return Column(name, Kind.NUMERIC, "it holds numbers")
    text = present.astype(str).str.strip()
    if _numbers(text).notna().mean() >= MOSTLY:
        return Column(
            name, Kind.NUMERIC, "nearly all of it are numbers", _unreadable(raw, Kind.NUMERIC)
        )
    if text.str.len().median() <= 40 and _days(text).notna().mean() >= MOSTLY:
        return Column(name, Kind.DATE, "it reads as dates", _unreadable(raw, Kind.DATE))
    if text.str.split().str.len().mean() >= WORDS and distinct > len(present) / 2:
        return Column(name, Kind.TEXT, f"{text.str.split().str.len().mean():.0f} words on average")
    if distinct > 0.9 * len(raw) and len(raw) >= 50:
        return Column(name, Kind.DROP, "nearly every value is different: it names the rows")
    return Column(name, Kind.CATEGORY, f"{distinct} different values")


def _numbers_rows(name: str, present: pd.Series, rows: int) -> bool:
    """Whether a column of numbers is a counter of rows, or called an id and different in each."""
    if len(present) < rows or present.nunique() < rows or not (present % 1 == 0).all():
        return False
    last = str(name).lower().replace(" ", "_").rpartition("_")[2]
    steps = np.diff(present.to_numpy())
    return str(name).lower() in ID_NAMES or last in ID_NAMES or bool((steps == 1).all())


def _numbers(raw: pd.Series) -> pd.Series:
    found = pd.to_numeric(raw, errors="coerce").astype(np.float64)
    return found.where(np.isfinite(found))


def _days(raw: pd.Series) -> pd.Series:
    dates = pd.to_datetime(raw, errors="coerce", format="mixed", utc=True)
    return (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)


def _unreadable(raw: pd.Series, kind: Kind) -> tuple[str, ...]:
    """Some of the values that are present and can't be read."""
    if kind not in (Kind.NUMERIC, Kind.DATE):
        return ()
    read = _numbers(raw) if kind is Kind.NUMERIC else _days(raw)
    bad = raw[raw.notna() & read.isna()].astype(str)
    return tuple(bad.unique()[:5])
