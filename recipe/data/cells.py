"""What the cells of a column read as: numbers, days or words. What it is for is not asked here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

MOSTLY = 0.95
"""Share of a column's values that must read as numbers or dates for it to be taken for such;
the rest are then missing values, and the data stage counts them."""

SAMPLE = 200
"""Different values, spread over all, by which the format of a date is found."""

DAYS = (
    "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%m/%d/%y", "%d/%m/%y",
    "%d.%m.%y", "%d-%b-%y",
)  # fmt: skip
CLOCKS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
ISO = "ISO8601"
FORMATS = (ISO, *(day + clock for clock in CLOCKS for day in DAYS))
"""Dates that are recognized. No guessing word by word: it would take "may" and "sun" for dates."""

_LIKE_A_DATE = r"(\d{1,4}[-/. ]\s?(\d|[A-Za-z]{3})|[A-Za-z]{3,9} \d).*"


def holds_dates(present: pd.Series) -> bool:
    """Whether values are dates already, not text that reads as such."""
    if pd.api.types.is_datetime64_any_dtype(present) or isinstance(present.dtype, pd.PeriodDtype):
        return True
    return present.dtype == object and pd.api.types.infer_dtype(present) in ("date", "datetime")


def holds_truth(present: pd.Series) -> bool:
    """Whether values are True and False."""
    if isinstance(present.dtype, pd.CategoricalDtype):
        return False
    return (present.dtype != object and pd.api.types.is_bool_dtype(present)) or (
        present.dtype == object and pd.api.types.infer_dtype(present) == "boolean"
    )


def holds_numbers(present: pd.Series) -> bool:
    """Whether values are numbers, durations or truth already, not text that reads as such."""
    if pd.api.types.is_numeric_dtype(present) or pd.api.types.is_timedelta64_dtype(present):
        return True
    plain = ("integer", "floating", "mixed-integer-float", "decimal", "boolean")
    return present.dtype == object and pd.api.types.infer_dtype(present) in plain


def as_words(raw: pd.Series) -> pd.Series:
    """Text without blanks around it; 1.0 as 1, which it is without a missing value beside it."""
    plain = raw.astype(object) if isinstance(raw.dtype, pd.CategoricalDtype) else raw
    text = plain.astype(str).str.strip()
    if plain.dtype.kind == "f":
        numbers = plain.to_numpy(np.float64, na_value=np.nan)
        finite = np.where(np.isfinite(numbers), numbers, 0.5)
        whole = (finite % 1 == 0) & (np.abs(finite) < 2**53)
        text = text.astype(object)
        text[whole] = numbers[whole].astype(np.int64).astype(str)
    return text


def as_numbers(raw: pd.Series) -> pd.Series:
    """float64, NaN for what is no finite number."""
    if isinstance(raw.dtype, pd.CategoricalDtype):
        raw = raw.astype(object)
    if pd.api.types.is_timedelta64_dtype(raw):
        raw = raw / pd.Timedelta(days=1)
    if pd.api.types.is_datetime64_any_dtype(raw):
        return as_days(raw, ISO)
    if not pd.api.types.is_numeric_dtype(raw):
        raw = pd.to_numeric(raw.astype(object).where(raw.notna()), errors="coerce")
    found = raw.to_numpy(np.float64, na_value=np.nan)
    return pd.Series(np.where(np.isfinite(found), found, np.nan), raw.index)


def date_formats(raw: pd.Series) -> Sequence[str]:
    """The formats that read the most values of a column; ISO if none reads any."""
    present = raw.dropna()
    if present.empty or holds_dates(present):
        return (ISO,)
    if pd.api.types.is_numeric_dtype(present):
        return ("%Y%m%d",) if (present >= 10**7).all() else ("%Y",)
    different = as_words(present).drop_duplicates()
    sample = different.iloc[:: max(1, len(different) // SAMPLE)]
    if sample.str.fullmatch(_LIKE_A_DATE).mean() < MOSTLY:
        return (ISO,)
    read = {form: int(_parsed(sample, form).notna().sum()) for form in FORMATS}
    best = [form for form in FORMATS if read[form] >= MOSTLY * max(1, *read.values())]
    if len(best) > 1 and any(read.values()):  # 01/02/2003: which is the month, all values tell
        read = {form: int(_parsed(different, form).notna().sum()) for form in best}
        best = [form for form in best if read[form] == max(read.values())]
    return tuple(best) if any(read.values()) else (ISO,)


def _parsed(raw: pd.Series, form: str) -> pd.Series:
    return pd.to_datetime(raw, format=form, errors="coerce", utc=True)


def as_days(raw: pd.Series, form: str) -> pd.Series:
    """Days since 1970-01-01, NaN for what is no date in this format."""
    if isinstance(raw.dtype, pd.PeriodDtype):
        raw = raw.dt.to_timestamp()
    if pd.api.types.is_datetime64_any_dtype(raw) or holds_dates(raw.dropna()):
        dates = pd.to_datetime(raw, errors="coerce", utc=True)
    else:
        dates = _parsed(as_words(raw).where(raw.notna()), form)
    seconds = dates.dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64) / 1e6
    return pd.Series(np.where(dates.isna(), np.nan, seconds / 86_400), raw.index)
