"""A text file of separated values to a table of text. What the text means is for others to say.

The file is gone through twice: once by the csv module, which knows in which line it is, to refuse
what is not a table; then by pandas, which is fast.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pandas as pd

from recipe.config import RequestError
from recipe.data.sources.examples import KEY
from recipe.data.sources.files import read_bytes

DELIMITERS = (",", ";", "\t", "|")
"""Tried in this order."""

SHOWN = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

FIRST_ROWS = 100
"""Rows by which the delimiter is found."""

MAGIC = {
    b"PAR1": "a parquet file; write parquet:{path}",
    b"PK\x03\x04": "a zip or Excel file; save the sheet as CSV (a zip file must end in .zip)",
    b"\xd0\xcf\x11\xe0": "an Excel file; save the sheet as CSV",
    b"\x1f\x8b": "a gzip file; its name must end in .gz",
    b"SQLite format 3": "an SQLite database; write a module:function that reads it",
}
"""First bytes of files that are often given for a CSV, and what to do."""


def read_delimited(path: Path) -> tuple[pd.DataFrame, str, list[str]]:
    """Read a file of values separated by commas, semicolons, tabs or bars, with a header.

    Returns:
        The table, all of it text, NaN where missing (pandas' usual words for it); the delimiter;
        remarks.

    Raises:
        RequestError: it is no such file; with the line.
    """
    text, remarks = _decoded(path)
    delimiter = _delimiter(text)
    if delimiter != ",":
        remarks.append(f"{path.name}: values are separated by {SHOWN[delimiter]}")
    with _cells_of_any_length(len(text)):
        header, rows = _inspected(text, delimiter, path)
    names = _names(header, path, remarks)
    table = pd.read_csv(
        io.StringIO(text, newline=""),
        sep=delimiter,
        header=0,
        names=names,
        index_col=False,
        dtype=str,
        skipinitialspace=True,
        low_memory=False,
    )
    if len(table) != rows:  # the two readers disagree, so one of them is wrong about the file
        raise RequestError(
            f"{KEY}: {path}: has {rows:,} rows or {len(table):,}, by how its quotes are read; "
            "write it anew with every text quoted"
        )
    return table, delimiter, remarks


def _decoded(path: Path) -> tuple[str, list[str]]:
    """The text of a file: UTF-8, UTF-16 with its mark, or Windows-1252 if it can't be UTF-8."""
    data = read_bytes(path)
    for magic, advice in MAGIC.items():
        if data.startswith(magic):
            raise RequestError(f"{KEY}: {path}: this is {advice.format(path=path)}")
    remarks: list[str] = []
    try:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = data.decode("utf-16")
            remarks.append(f"{path.name}: read as UTF-16")
        else:
            text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = _decoded_otherwise(data, error, path)
        line = data[: error.start].count(b"\n") + 1
        remarks.append(f"{path.name}: read as Windows-1252, since line {line} is not UTF-8")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise RequestError(
            f"{KEY}: {path}:{line}: holds a NUL byte, as UTF-16 and binary files do; "
            "save it as a CSV in UTF-8"
        )
    if not text.strip():
        raise RequestError(f"{KEY}: {path}: is empty; it must hold a header and a row per example")
    return text, remarks


def _decoded_otherwise(data: bytes, error: UnicodeDecodeError, path: Path) -> str:
    line = data[: error.start].count(b"\n") + 1
    at = f"{KEY}: {path}:{line}: byte 0x{data[error.start]:02x}"
    if not data.decode("utf-8", "ignore").isascii():
        raise RequestError(
            f"{at} is no UTF-8, though other characters of the file are; mend that line"
        )
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        raise RequestError(f"{at} is neither UTF-8 nor Windows-1252; save it as UTF-8") from None


def _delimiter(text: str) -> str:
    """The one that divides the first rows into the same number of fields, a comma if it does."""
    header: dict[str, int] = {}
    for delimiter in DELIMITERS:
        with _cells_of_any_length(len(text)):
            reader = csv.reader(
                io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True
            )
            widths = [len(row) for row in islice(filter(None, reader), FIRST_ROWS)]
        header[delimiter] = widths[0]
        if widths[0] > 1 and len(set(widths)) == 1:
            return delimiter
    return max(header, key=lambda delimiter: header[delimiter])


def _inspected(text: str, delimiter: str, path: Path) -> tuple[list[str], int]:
    """The header and the number of rows; refused unless all have as many values as the header."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    header: list[str] | None = None
    rows, line = 0, 1
    try:
        for row in reader:
            if not row or (len(row) == 1 and not row[0].strip()):
                pass  # an empty line
            elif header is None:
                header = row
            elif len(row) != len(header):
                raise RequestError(
                    f"{KEY}: {path}:{line}: has {len(row)} values, the header has {len(header)} "
                    f"names; a value with {SHOWN[delimiter]} in it must be quoted"
                )
            else:
                rows += 1
            line = reader.line_num + 1
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            rule = "a quote is opened and never closed"
        else:
            rule = f"{error}; double the quotes inside of a quoted value"
        raise RequestError(f"{KEY}: {path}:{line}: {rule}") from None
    if not rows:
        raise RequestError(f"{KEY}: {path}: has a header and no row below it")
    return header or [], rows


def _names(header: list[str], path: Path, remarks: list[str]) -> list[str]:
    names = [name.strip() for name in header]
    if all(_NUMBER.match(name) for name in names) and any("." in name for name in names):
        raise RequestError(
            f"{KEY}: {path}:1: must hold the names of the columns, it holds numbers: "
            f"{', '.join(names[:5])}"
        )
    for position, name in enumerate(names):
        if not name:
            names[position] = f"Unnamed: {position}"  # as pandas has it
            remarks.append(
                f"{path.name}: column {position + 1} has no name, here it is called "
                f"{names[position]!r}"
            )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        places = [str(i) for i, name in enumerate(names, 1) if name == twice[0]]
        raise RequestError(
            f"{KEY}: {path}:1: every column needs a name of its own, columns "
            f"{' and '.join(places)} are both {twice[0]!r}"
        )
    return names


_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?$")


@contextmanager
def _cells_of_any_length(most: int) -> Iterator[None]:
    """The csv module refuses cells of more than 131,072 characters, unless told otherwise."""
    before = csv.field_size_limit(most + 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)
