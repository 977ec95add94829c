"""A first config for a file or a folder: what was found in it, and a net to begin with.

It proposes; whoever reads it decides. The net is small on purpose: the recipe makes it grow.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd

from recipe.config import DataConfig, RequestError
from recipe.data.columns import Column, Kind
from recipe.data.dataset import Examples, read_examples
from recipe.data.stored import Stored

STEPS = 2000
"""Optimizer steps of a training at least: on few examples, more epochs."""

NOT_TEXT = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
"""Words that a reader of YAML may take for something else."""

ENDINGS = {"csv": (".csv", ".tsv", ".txt"), "parquet": (".parquet", ".pq"), "npz": (".npz",)}
"""Kind of source -> endings of its files; a .gz behind them is no matter."""

FEWEST_EPOCHS, MOST_EPOCHS = 10, 100


def source_of(path: Path) -> str:
    """The `data.source` that reads a path.

    Raises:
        RequestError: there is nothing there, or nothing that a source reads.
    """
    if not path.exists():
        raise RequestError(f"{path}: no such file or folder (in {Path.cwd()})")
    if path.is_dir():
        for kind in ("csv", "parquet"):
            if any(path.glob(f"train.{kind}*")):
                return f"{kind}:{path}"
        return f"images:{path}"
    endings = [ending.lower() for ending in path.suffixes]
    for kind, known in ENDINGS.items():
        if any(ending in known for ending in endings):
            return f"{kind}:{path}"
    raise RequestError(
        f"{path}: must be a .csv (also .gz), .parquet or .npz file, or a folder of images or of "
        "train.csv and test.csv"
    )


def propose(path: Path, target: str | None) -> str:
    """The text of a config for a file or a folder.

    Args:
        path: of the data.
        target: column to predict; None: the one with a usual name.

    Raises:
        RequestError: it can't be read, or says no target.
    """
    data = DataConfig(source=source_of(path), target=target, missing="impute")
    gaps = False
    try:
        examples = read_examples(data)
    except RequestError as error:
        if "labels are missing" not in str(error):
            raise
        gaps = True
        examples = read_examples(data.model_copy(update={"missing": "drop"}))
    lines = [
        "# yaml-language-server: $schema=schema.json",
        "#",
        _comment(f"{path.name}: {_said(examples)}"),
        _comment(f"Task: {examples.targets.task.value}, because {examples.targets.why}"),
        *(_comment(f"Note: {remark}") for remark in examples.raw.remarks),
        "#",
        "# First  make data CONFIG=<this file>, and look at what it says and draws",
        "# Then   make recipe CONFIG=<this file>",
        "",
        "data:",
        f"  source: {_quoted(data.source)}",
        *([f"  target: {_quoted(target)}"] if target else []),
        *(["  missing: drop # of some examples the label is missing"] if gaps else []),
        *_columns(examples.columns),
        *_net(examples),
    ]
    return "\n".join(lines) + "\n"


def _said(examples: Examples) -> str:
    x = examples.raw.x
    if isinstance(x, pd.DataFrame):
        what = f"columns: {x.shape[1]}"
    else:
        height, width, channels = x.shape[1:]
        what = f"images of {height} x {width}, {'color' if channels == 3 else 'gray'}"
        what += ", read from disk as they are needed" if isinstance(x, Stored) else ""
    parts = ", ".join(f"{len(ids):,} {name}" for name, ids in examples.parts.items())
    classes = examples.targets.classes
    named = ", ".join(classes[:6]) + (" ..." if len(classes) > 6 else "")
    of = f"; {len(classes)} classes: {named}" if classes else ""
    return f"{len(x):,} examples ({parts}), {what}{of}"


def _comment(text: str) -> str:
    """On one line, whatever a class or a column is called."""
    return "# " + " ".join(text.split())


def _columns(columns: dict[str, Column] | None, most: int = 60) -> list[str]:
    """What each column was taken for, to be uncommented and changed where it is wrong."""
    if not columns:
        return []
    shown = list(columns.values())[:most]
    width = max(len(_quoted(column.name)) for column in shown)
    lines = ["  # What each column is taken for. To overrule one, remove the # here and before it:"]
    lines += ["  # columns:"]
    for column in shown:
        kind = f"{_quoted(column.name)}: {column.kind.value}"
        lines.append(f"  #   {kind:<{width + 10}} # {column.why}")
    if len(columns) > most:
        lines.append(f"  #   and {len(columns) - most} more")
    return lines


def _net(examples: Examples) -> list[str]:
    """A small net with safe settings."""
    x, train = examples.raw.x, len(examples.parts["train"])
    batch = 32 if train < 20_000 else 128
    steps = -(-train // batch)
    epochs = min(max(-(-STEPS // steps), FEWEST_EPOCHS), MOST_EPOCHS)
    if isinstance(x, pd.DataFrame):
        texts = any(c.kind is Kind.TEXT for c in (examples.columns or {}).values())
        model = ["  family: mlp", "  widths: [64]" if texts else "  widths: [64, 64]"]
    else:
        deep = min(max(min(x.shape[1:3]).bit_length() - 2, 1), 3)
        filters = ", ".join(str(32 * 2**place) for place in range(deep))
        model = ["  family: cnn", f"  filters: [{filters}]", "  widths: [64]", "  norm: batch"]
        batch, epochs = max(batch, 64), min(epochs, 20)
    return [
        "",
        "model: # a small net to begin with; overfit tells whether it is large enough",
        *model,
        "",
        "train:",
        "  learning_rate: 1e-3",
        f"  batch_size: {batch}",
        f"  epochs: {epochs}",
        "  early_stopping: 10",
    ]


def _quoted(text: str) -> str:
    """As YAML reads it back: in quotes where it would be something else."""
    plain = re.fullmatch(r"[A-Za-z][\w./:-]*[\w/]|[A-Za-z]", text, re.ASCII)
    return text if plain and text.lower() not in NOT_TEXT else json.dumps(text, ensure_ascii=False)
