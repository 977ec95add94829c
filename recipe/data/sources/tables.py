"""Tables in files: CSV and its relatives, and parquet. One file, or one for each part.

What leaves here: numbers as float64, dates as datetime64, everything else as text, NaN where a
value is missing. Which columns are of use, and as what, is decided by `recipe.data.columns`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from recipe.config import DataConfig, RequestError
from recipe.data.columns import WORDS
from recipe.data.sources.delimited import read_delimited
from recipe.data.sources.examples import KEY, RawExamples
from recipe.data.sources.files import WHOLE, first_line, located, read_bytes
from recipe.data.sources.target import without_target
from recipe.findings import listed

PACKED = ("", ".gz", ".bz2", ".xz", ".zip")
CSV = tuple(f"{kind}{packed}" for packed in PACKED for kind in (".csv", ".tsv", ".txt"))
PARQUET = (".parquet", ".pq")

DECIMAL_COMMA = r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?"
"""1,5 and 1.234,5."""

THOUSANDS_COMMA = r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?"
"""1,234.5."""


def from_csv(name: str, config: DataConfig) -> RawExamples:
    """Examples of a CSV, see `csv_table`."""
    table, parts, remarks = csv_table(name)
    return _divided(table, parts, config, name, remarks)


def from_parquet(name: str, config: DataConfig) -> RawExamples:
    """Examples of a parquet file, see `parquet_table`."""
    table, parts, remarks = parquet_table(name)
    return _divided(table, parts, config, name, remarks)


def csv_table(name: str) -> tuple[pd.DataFrame, np.ndarray | None, list[str]]:
    """One file, a folder of train.csv, test.csv and perhaps val.csv, or train=PATH,test=PATH.

    Values may be separated by commas, semicolons, tabs or bars, the file packed as .gz, .bz2, .xz
    or .zip. Missing are empty cells, pandas' words (NA, NaN, null, None, ...), and ? beside other
    values.

    Returns:
        (examples, columns) of float64 and text, the part of each example if there are parts, and
        what was read otherwise than it stands there.
    """
    tables: dict[str, pd.DataFrame] = {}
    delimiters: set[str] = set()
    remarks: list[str] = []
    files = located(name, CSV)
    for part, path in files.items():
        tables[part], delimiter, said = read_delimited(path)
        delimiters.add(delimiter)
        remarks += said
    table, parts = _one_table(tables, files)
    typed = {column: _Typing(table[column], delimiters == {","}) for column in table.columns}
    table = pd.DataFrame({column: typing.values for column, typing in typed.items()})
    return table, parts, remarks + _said(typed)


def parquet_table(name: str) -> tuple[pd.DataFrame, np.ndarray | None, list[str]]:
    """One file, a folder of train.parquet, test.parquet and so on, or train=PATH,test=PATH.

    Returns:
        As `csv_table`, with dates as datetime64 and truth as such.
    """
    remarks: list[str] = []
    files = located(name, PARQUET)
    table, parts = _one_table(
        {part: _parquet(path, remarks) for part, path in files.items()}, files
    )
    return table, parts, remarks


def _one_table(
    tables: Mapping[str, pd.DataFrame], files: Mapping[str, Path]
) -> tuple[pd.DataFrame, np.ndarray | None]:
    """The parts one below the other, and the part of each row; refused if their columns differ."""
    first, *others = tables
    for other in others:
        for here, there in ((first, other), (other, first)):
            lacking = tables[here].columns.difference(tables[there].columns, sort=False)
            if len(lacking):
                raise RequestError(
                    f"{KEY}: {files[there]}: has no column {lacking[0]!r}, which {files[here]} "
                    "has; all parts need the same columns, the target too"
                )
        for column in tables[first].columns:
            kinds = {_rough(tables[part][column]) for part in (first, other)} - {"nothing"}
            if len(kinds) > 1:
                raise RequestError(
                    f"{KEY}: {files[other]}: column {column!r} holds "
                    f"{_rough(tables[other][column])}, in {files[first]} it holds "
                    f"{_rough(tables[first][column])}"
                )
    if first == WHOLE:
        return tables[first], None
    columns = tables[first].columns
    whole = pd.concat([table[columns] for table in tables.values()], ignore_index=True)
    return whole, np.repeat(list(tables), [len(table) for table in tables.values()])


def _rough(column: pd.Series) -> str:
    if column.isna().all():
        return "nothing"
    if pd.api.types.is_datetime64_any_dtype(column):
        return "dates"
    return "numbers" if pd.api.types.is_numeric_dtype(column) else "text"


def _divided(
    table: pd.DataFrame,
    parts: np.ndarray | None,
    config: DataConfig,
    name: str,
    remarks: list[str],
) -> RawExamples:
    x, y, targets = without_target(table, config.target, name)
    empty = [target for target in targets if table[target].isna().all()]
    if empty:
        raise RequestError(f"data.target: {name}: column {empty[0]!r} is empty in every row")
    return RawExamples(
        x=inputs_of(x),
        y=_whole(y),
        target_names=targets if y.ndim == 2 else (),
        parts=parts,
        remarks=tuple(remarks),
    )


def inputs_of(table: pd.DataFrame) -> pd.DataFrame:
    """The inputs as they are learnt from: true and false, or the words for them, are 1 and 0.

    Not so in a target, where they are classes.
    """
    return pd.DataFrame({column: _truth_as_number(table[column]) for column in table.columns})


def _whole(y: np.ndarray) -> np.ndarray:
    """Whole numbers as such, so that a class is called 1 and not 1.0."""
    if y.dtype.kind == "f" and np.isfinite(y).all() and (y % 1 == 0).all():
        most = np.abs(y).max()
        return y.astype(np.int64) if most < 2**53 else y
    return y


_SPELLINGS = 6
"""True, true, TRUE, and of false: with more different values, a column is something else."""


def _truth_as_number(column: pd.Series) -> pd.Series:
    if pd.api.types.is_bool_dtype(column):
        return column.astype("Float64").astype(np.float64) if column.hasnans else column * 1.0
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return column
    words = column.dropna().unique()
    if not 0 < len(words) <= _SPELLINGS or {str(w).lower() for w in words} - {"true", "false"}:
        return column
    return column.str.lower().map({"true": 1.0, "false": 0.0}).astype(np.float64)


class _Typing:
    """A column of text as numbers, if every value of it reads as one, and how it was read."""

    def __init__(self, text: pd.Series, comma_separated: bool) -> None:
        stripped = text.str.strip()
        self.blanks = bool((stripped != text)[text.notna()].any())
        text = stripped.mask(stripped == "")
        self.unknown = 0
        unknown = text == "?"
        if unknown.any() and not unknown[text.notna()].all():
            others = text[text.notna() & ~unknown]
            if others.str.count(r"\s+").mean() + 1 < WORDS:  # in a text it is a question
                self.unknown = int(unknown.sum())
                text = text.mask(unknown)
        self.commas = ""
        self.values = self._numbers(text, comma_separated)

    def _numbers(self, text: pd.Series, comma_separated: bool) -> pd.Series:
        present = text.dropna()
        if present.empty:
            return pd.Series(np.nan, text.index)
        found = as_numbers(present)
        if found is None and present.iloc[:1000].str.contains(",", regex=False).any():
            found = self._with_commas(present, comma_separated)
        if found is None:
            return text
        numbers = np.full(len(text), np.nan)
        numbers[text.notna().to_numpy()] = found
        return pd.Series(numbers, text.index)

    def _with_commas(self, present: pd.Series, comma_separated: bool) -> np.ndarray | None:
        if comma_separated and present.str.fullmatch(THOUSANDS_COMMA).all():
            self.commas = "commas between thousands"
            return as_numbers(present.str.replace(",", ""))
        if present.str.fullmatch(DECIMAL_COMMA).all():
            self.commas = "decimal commas"
            return as_numbers(
                present.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
            )
        return None


def as_numbers(present: pd.Series) -> np.ndarray | None:
    """Text as (values,) float64, None if any of it is no number."""
    if present.str.contains("_", regex=False).any():  # 1_000 is a number to Python alone
        return None
    try:
        return present.to_numpy(object).astype(np.float64)
    except ValueError:
        return None


def _said(typed: Mapping[str, _Typing]) -> list[str]:
    remarks = []
    unknown = {column: typing.unknown for column, typing in typed.items() if typing.unknown}
    if unknown:
        remarks.append(
            f"? counts as missing in {listed(list(unknown))}: {sum(unknown.values()):,} values"
        )
    for commas in ("decimal commas", "commas between thousands"):
        columns = [column for column, typing in typed.items() if typing.commas == commas]
        if columns:
            remarks.append(f"{listed(columns)}: numbers with {commas}")
    blanks = [column for column, typing in typed.items() if typing.blanks]
    if blanks:
        remarks.append(f"{listed(blanks)}: blanks around values are cut off")
    return remarks


def _parquet(path: Path, remarks: list[str]) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        stored = pq.ParquetFile(io.BytesIO(read_bytes(path))).read()
        stored.validate(full=True)  # else a text that is no UTF-8 fails far from here
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from error
    names = stored.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RequestError(f"{KEY}: {path}: every column needs a name of its own: {twice[0]!r}")
    kept = [name for name in names if not re.fullmatch(r"__index_level_\d+__", name)]
    if len(kept) < len(names):
        remarks.append(f"{path.name}: the index that pandas stored beside the columns is left out")
    if not stored.num_rows or not kept:
        raise RequestError(f"{KEY}: {path}: holds no examples")
    try:
        return pd.DataFrame({name: _plain(name, stored[name], path) for name in kept})
    except (pa.ArrowException, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RequestError:
    return RequestError(f"{KEY}: {path}: is no parquet file, or damaged: {first_line(error)}")


def _plain(name: str, column: object, path: Path) -> pd.Series:
    """A parquet column as float64, bool, datetime64 or text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    types, kind = pa.types, column.type  # type: ignore[attr-defined]
    if types.is_dictionary(kind):
        column = pc.cast(column, kind.value_type)
        kind = kind.value_type
    if types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        raise RequestError(
            f"{KEY}: {path}: column {name!r} holds {kind}; a cell must be a number, a text or a "
            "date: leave the column out, or write one column for each of its values"
        )
    if types.is_null(kind):
        return pd.Series(np.nan, range(len(column)))  # type: ignore[arg-type]
    if types.is_boolean(kind):
        found = column.to_pandas()  # type: ignore[attr-defined]
        return found if found.dtype == bool else found.astype("boolean")
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return pc.cast(column, pa.float64(), safe=False).to_pandas()
    if types.is_duration(kind):
        days = column.to_pandas() / pd.Timedelta(days=1)  # type: ignore[attr-defined]
        return days.astype(np.float64)
    if types.is_timestamp(kind) or types.is_date(kind):
        return pd.to_datetime(column.to_pandas(), utc=True).dt.tz_localize(None)  # type: ignore[attr-defined]
    return pc.cast(column, pa.string()).to_pandas()
