"""What TensorBoard shows: a thin writer over `tf.summary`, one `Board` for each TensorBoard run.

Curves carry Keras's own tag names (`epoch_loss`, `epoch_accuracy`, `epoch_learning_rate`, in
the runs `train` and `validation`): no second name for the same thing. Trials carry what the
HParams tab needs. It neither serves TensorBoard nor decides where a run lies.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api_pb2, summary_v2
from tensorboard.plugins.hparams import summary as hparams_summary

from recipe.findings import Finding, StageResult
from recipe.runs.report import SIGNS, four_digits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from recipe.config import Range

Status = Literal["success", "failure", "running", "unknown"]

NO_SPACE: Mapping[str, Range] = MappingProxyType({})


class Board:
    """Writes one TensorBoard run: the folder's name is the run's name.

    Use it as a context manager, or call `close()`; `flush()` makes TensorBoard see what was
    written so far.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer = tf.summary.create_file_writer(str(folder))

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Points of curves.

        Args:
            values: tag -> value, e.g. `{"epoch_loss": 0.3}`; NaN is shown as a triangle. They
                are stored as float32: TensorBoard's fast loader drops float64 without a word.
            step: epoch or step of all of them.
        """
        with self._writer.as_default():
            for tag, value in values.items():
                tf.summary.scalar(tag, value, step=step)

    def histogram(self, tag: str, array: np.ndarray, step: int) -> None:
        """The distribution of the finite values of an array of any shape.

        A histogram has no place for NaN and infinity: their share stands in a scalar
        `<tag>/not_finite` (a fraction), written where there are any.
        """
        values = np.asarray(array, np.float64).ravel()
        finite = values[np.isfinite(values)]
        with self._writer.as_default():
            tf.summary.histogram(tag, finite, step=step)
        if len(finite) < len(values):
            self.scalars({f"{tag}/not_finite": 1 - len(finite) / len(values)}, step)

    def image(self, tag: str, picture: Figure | Path, step: int = 0, description: str = "") -> None:
        """A figure, or a PNG file.

        Args:
            tag: name in the Images tab.
            picture: a matplotlib figure or the path of a PNG.
            step: epoch or step it belongs to.
            description: plain text; it is escaped here.
        """
        if isinstance(picture, Path):
            png = picture.read_bytes()
        else:
            buffer = io.BytesIO()
            picture.savefig(buffer, format="png")
            png = buffer.getvalue()
        pixels = tf.io.decode_png(png)[tf.newaxis]  # (1, height, width, channels), 0 to 255
        with self._writer.as_default():
            tf.summary.image(tag, pixels, step=step, description=escape_markdown(description))

    def text(self, tag: str, markdown: str, step: int = 0) -> None:
        """Markdown; whatever comes from the data in it must have gone through `escape_markdown`."""
        with self._writer.as_default():
            tf.summary.text(tag, markdown, step=step)

    def hparams_config(self, space: Mapping[str, Range], metrics: Mapping[str, str]) -> None:
        """Tell the HParams tab what can be chosen; once, in the run above those of the trials.

        Args:
            space: dotted config key -> its range.
            metrics: tag of a score -> its name for the reader.
        """
        hparams = [summary_v2.HParam(key, _domain(values)) for key, values in space.items()]
        shown = [summary_v2.Metric(tag, display_name=name) for tag, name in metrics.items()]
        self._raw(summary_v2.hparams_config_pb(hparams, shown))

    def trial(
        self,
        values: Mapping[str, Any],
        score: float | None,
        metric: str,
        status: Status = "success",
        space: Mapping[str, Range] = NO_SPACE,
        trial_id: str = "",
    ) -> None:
        """One trial of a search, as a session of the HParams tab.

        Args:
            values: dotted config key -> value.
            score: the tuner's; None or not finite leaves the cell empty. The curve is a float32
                (7 digits), its description has every digit.
            metric: tag of the score, as in `hparams_config`.
            status: how the trial ended.
            space: the ranges given to `hparams_config`; a key of mixed choices (16, "full") is
                text there, so its values must be text here too.
            trial_id: sessions with an equal one are averaged (the seeds of one trial); by
                default each run is a trial of its own.
        """
        shown = {key: _shown(value, space.get(key)) for key, value in values.items()}
        name = trial_id or self.folder.name
        self._raw(hparams_summary.session_start_pb(shown, group_name=name))
        if score is not None and np.isfinite(score):
            with self._writer.as_default():
                tf.summary.scalar(metric, score, step=0, description=repr(float(score)))
        end = getattr(api_pb2, f"STATUS_{status.upper()}")
        self._raw(hparams_summary.session_end_pb(end))

    def _raw(self, summary: Any) -> None:
        """Write a protobuf that a plugin made."""
        with self._writer.as_default():
            tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=0)

    def flush(self) -> None:
        """Write what is buffered."""
        self._writer.flush()

    def close(self) -> None:
        """Write what is buffered and close the file."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def escape_markdown(text: object) -> str:
    """Text from the data, a config or an error as one line of Markdown that shows it literally.

    TensorBoard renders Markdown with HTML, links and images, and an image is a request to a
    stranger's server. As character references no sign means anything, in a table cell neither.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    escaped = re.sub(r"[^\w\s.,;%'/?-]|_", lambda sign: f"&#{ord(sign[0])};", line)
    # at the start of a line even "1." and "-" mean something
    return re.sub(r"^(\d*)([.-])(?=[\s-]|$)", lambda m: f"{m[1]}&#{ord(m[2])};", escaped)


def findings_table(result: StageResult) -> str:
    """All findings of a stage as a Markdown table, escaped; for `Board.text`.

    A column in which no finding says anything is left out: TensorBoard gives each a share of
    the width.
    """
    head = f"**{escape_markdown(result.stage)}: {SIGNS[result.verdict]}**"
    forced = " (forced: its gate was closed)" if result.forced else ""
    columns: dict[str, list[str]] = {
        "verdict": [SIGNS[f.verdict].replace(" ", "&nbsp;") for f in result.findings],
        "check": [escape_markdown(f.check) for f in result.findings],
        "message": [escape_markdown(f.message) for f in result.findings],
    }
    optional: dict[str, list[str | None]] = {
        "measured": [_measured(f) for f in result.findings],
        "expected": [f.expected for f in result.findings],
        "what to change": [_advice(f) for f in result.findings],
        "source": [f.source for f in result.findings],
    }
    for name, cells in optional.items():
        if any(cells):
            columns[name] = [escape_markdown(cell or "") for cell in cells]
    rows = [list(columns), ["---"] * len(columns), *zip(*columns.values(), strict=True)]
    table = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([f"{head}{forced} {escape_markdown(result.headline)}", "", *table])


def _measured(finding: Finding) -> str | None:
    value = finding.measured
    return four_digits(value) if isinstance(value, float) else value


def _advice(finding: Finding) -> str:
    return ": ".join(filter(None, [finding.code, finding.prescription]))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)


def _domain(values: Range) -> summary_v2.Domain:
    """A range as the HParams tab knows it: an interval, or choices of one type."""
    if values.choice is None:
        low, high = values.endpoints
        kind = summary_v2.IntInterval if values.int else summary_v2.RealInterval
        return kind(low, high)
    return summary_v2.Discrete(list(dict.fromkeys(_shown(v, values) for v in values.choice)))


def _shown(value: Any, values: Range | None) -> bool | float | str:
    """A value in the type that its domain has: number, bool, or for all else its text."""
    choices = (value,) if values is None or values.choice is None else values.choice
    if all(isinstance(choice, bool) for choice in choices):
        return bool(value)
    if all(_is_number(choice) for choice in choices):
        return float(value)
    return str(list(value) if isinstance(value, tuple) else value)
