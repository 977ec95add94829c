"""`recipe look`: search, filter and sort the examples by anything that is known of them.

Known is what the data stage measured (`examples.csv`), a table's own columns, and after training
the loss and the prediction. Test examples are not among them: nobody looks at these.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from recipe.config import Config, RequestError, Task
from recipe.data.dataset import Examples, read_examples
from recipe.data.sources.examples import take
from recipe.data.splits import as_table
from recipe.runs import RunFolder, figures

PREDICTING = ("squeeze", "overfit", "baseline")
"""Stages that keep their predictions on val, the one to believe first."""

MOST_ON_SHEET = 1000

WIDTH = 120
"""Columns of a terminal that does not say."""


def known_of(config: Config, folder: RunFolder) -> pd.DataFrame:
    """Everything known of each train and val example, by its row number in the source.

    Raises:
        RequestError: the data stage has not run.
    """
    path = folder.path / "data" / "examples.csv"
    if not path.is_file():
        raise RequestError(f"{path}: not there; the data stage writes it, so run it first")
    known = pd.read_csv(path, index_col="row", dtype={"example": str, "label": str})
    examples = read_examples(config.data)
    written = pd.read_csv(path.with_name("splits.csv"), dtype=str)
    now = as_table(examples.parts, examples.keys, examples.named(np.arange(len(examples.keys))))
    if not np.array_equal(written[["key", "part"]], now[["key", "part"]]):
        raise RequestError(f"{path}: is of other data or another split; run the data stage again")
    if isinstance(examples.raw.x, pd.DataFrame):
        own = examples.raw.x.iloc[known.index].set_axis(known.index)
        known = known.join(own[[name for name in own.columns if name not in known.columns]])
    return _with_numbers(known.join(_predicted(examples, folder)))


def query(
    known: pd.DataFrame, where: str | None, sort: str | None, ascending: bool
) -> pd.DataFrame:
    """The examples that meet a condition, in an order.

    Args:
        known: as `known_of` gives it.
        where: a condition on its columns, as pandas understands it.
        sort: a column.
        ascending: smallest first.

    Raises:
        RequestError: no such column, or no such condition.
    """
    columns = ", ".join(known.columns)
    found = known
    if where:
        try:
            found = known.query(where, engine="python")
        except Exception as error:  # pandas hands on whatever Python says of the text
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RequestError(
                f"--where: {where!r}: {said}; write e.g. \"loss > 2 and part == 'val'\" "
                f"(columns: {columns})"
            ) from None
    if sort:
        if sort not in known.columns:
            raise RequestError(f"--sort: no column {sort!r} (columns: {columns})")
        found = found.sort_values(sort, ascending=ascending, kind="stable", na_position="last")
    return found


def as_text(found: pd.DataFrame, sort: str | None, where: str | None) -> str:
    """A table for the terminal: the columns that were asked about first, then as fit in.

    Args:
        found: the examples to show.
        sort: the column they are sorted by.
        where: the condition; columns named in it are shown.
    """
    asked = [sort] if sort else []
    asked += [name for name in found.columns if where and name in where]
    first = ["example", "part", "label", *asked, "prediction", "loss"]
    order = [name for name in dict.fromkeys(first) if name in found.columns]
    order += [name for name in found.columns if name not in order]
    shown = found[order].rename(columns=lambda name: str(name)[:24])
    width = shutil.get_terminal_size((WIDTH, 24)).columns
    text = shown.to_string(index=False, max_colwidth=24, float_format=lambda v: f"{v:.4g}")
    while len(text.split("\n")[0]) > width and shown.shape[1] > len(set(first)):
        shown = shown.iloc[:, :-1]
        text = shown.to_string(index=False, max_colwidth=24, float_format=lambda v: f"{v:.4g}")
    return text if len(found) else "no example meets that"


def sheet(config: Config, found: pd.DataFrame, sort: str | None, path: Path) -> Path | None:
    """A contact sheet of images, None for a table.

    Args:
        config: whose images they are.
        found: rows of `known_of`.
        sort: the column whose value stands above each image, beside its label.
        path: of the PNG to write.
    """
    raw = read_examples(config.data).raw
    if isinstance(raw.x, pd.DataFrame) or found.empty:
        return None
    some = found.head(MOST_ON_SHEET)
    images = np.asarray(take(raw.x, some.index.to_numpy()))
    titles = [
        str(label) if sort is None else f"{label}  {value:.3g}"
        if isinstance(value, float) else f"{label}  {value}"
        for label, value in zip(some["label"], some[sort or "label"], strict=True)
    ]  # fmt: skip
    order = f", by {sort}" if sort else ""
    title = f"{len(some)} of {len(found):,} examples{order}"
    path.parent.mkdir(parents=True, exist_ok=True)
    figures.contact_sheet(images, titles, title).savefig(path, format="png")
    return path


def _predicted(examples: Examples, folder: RunFolder) -> pd.DataFrame:
    """Loss and prediction of the val examples, by the last stage that made some."""
    for stage in PREDICTING:
        path = folder.path / stage / "predictions.npz"
        if not path.is_file():
            continue
        with np.load(path) as kept:
            if not np.array_equal(kept["val_ids"], examples.parts["val"]):
                continue  # it saw another split
            ids, y, answer = (kept[f"val_{name}"] for name in ("ids", "y", "answer"))
            said = pd.DataFrame({"loss": kept["val_loss"]}, ids)
        task, classes = examples.targets.task, examples.targets.classes
        if task in (Task.BINARY, Task.MULTICLASS):
            guess = answer.argmax(axis=1)
            said["prediction"] = [classes[k] for k in guess]
            said["p_label"] = answer[np.arange(len(y)), y]
            said["right"] = guess == y
        elif task is Task.REGRESSION:
            said["prediction"] = answer[:, 0]
            said["error"] = answer[:, 0] - examples.targets.y[ids, 0]
        return said
    return pd.DataFrame(index=pd.Index([], dtype=int))


def _with_numbers(known: pd.DataFrame) -> pd.DataFrame:
    """Labels that are numbers as numbers, so that `label == 3` finds them."""
    for name in ("label", "prediction"):
        if name in known:
            numbers = pd.to_numeric(known[name], errors="coerce")
            if (numbers.notna() | known[name].isna()).all():
                known[name] = numbers
    return known
