"""What TensorBoard shows: a thin writer of its event files, one `Board` for each TensorBoard run.

Curves carry Keras's own tag names (`epoch_loss`, `epoch_accuracy`, `epoch_learning_rate`, in
the runs `train` and `validation`): no second name for the same thing. Trials carry what the
HParams tab needs. It neither serves TensorBoard nor decides where a run lies.

The bytes are those of `tf.summary` (a test compares), without its operations: three scalars cost
700 microseconds there and 18 here, and no more than 3 where epochs are short (measured).
"""

from __future__ import annotations

import io
import itertools
import os
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import tensorflow as tf
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_DOUBLE, DT_FLOAT, DT_STRING
from tensorboard.plugins.histogram import metadata as histogram_metadata
from tensorboard.plugins.hparams import api_pb2, summary_v2
from tensorboard.plugins.hparams import summary as hparams_summary
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb

from recipe.config import RequestError
from recipe.findings import Finding, StageResult
from recipe.runs.files import explained
from recipe.runs.report import SIGNS, four_digits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from recipe.config import Range

Status = Literal["success", "failure", "running", "unknown"]

NO_SPACE: Mapping[str, Range] = MappingProxyType({})

BURST = 6
"""Times that the scalars of a second are written one by one: they can be seen at once, and the
hundred epochs of a tiny net in a second pay once for all."""

SCALAR = TensorShapeProto()
OF_SCALARS = scalar_metadata.create_summary_metadata(display_name=None, description=None)
OF_HISTOGRAMS = histogram_metadata.create_summary_metadata(display_name=None, description=None)
"""What tells TensorBoard which tab an entry belongs to."""

_FILES = itertools.count()


class Board:
    """Writes one TensorBoard run: the folder's name is the run's name.

    What is written can be seen at once, and a kill does not lose it; only scalars that come
    faster than `BURST` a second wait for one another. Use it as a context manager, or call
    `close()`; what is written afterwards goes to a new file, which TensorBoard reads on.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._file: tf.io.TFRecordWriter | None = None
        self._waiting: list[tuple[float, Mapping[str, float], int]] = []
        self._clock, self._second, self._in_second = clock, -1.0, 0

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Points of curves.

        Args:
            values: tag -> value, e.g. `{"epoch_loss": 0.3}`; NaN is shown as a triangle. They
                are stored as float32: TensorBoard's fast loader drops float64 without a word.
            step: epoch or step of all of them.
        """
        if not values:
            return
        self._waiting.append((time.time(), dict(values), step))
        now = self._clock()
        if now - self._second >= 1:
            self._second, self._in_second = now, 0
        if self._in_second < BURST:
            self._in_second += 1
            self._write_waiting()
            self._flush()

    def histograms(self, buckets: Mapping[str, np.ndarray], step: int) -> None:
        """Distributions that somebody has counted.

        Args:
            buckets: tag -> (buckets, 3): left edge, right edge, count, left to right. Edges are
                finite: a histogram has no place for NaN and infinity.
            step: epoch or step of all of them.
        """
        summary = Summary()
        for tag, counted in buckets.items():
            content = np.ascontiguousarray(counted, np.float64).tobytes()
            sizes = [TensorShapeProto.Dim(size=size) for size in counted.shape]
            shape = TensorShapeProto(dim=sizes)
            tensor = TensorProto(dtype=DT_DOUBLE, tensor_shape=shape, tensor_content=content)
            summary.value.add(tag=tag, metadata=OF_HISTOGRAMS, tensor=tensor)
        self._write(summary, step)

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
        size = struct.unpack(">II", png[16:24])  # width and height stand at the head of a PNG
        parts = [*(str(side).encode() for side in size), png]
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(parts))])
        tensor = TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=parts)
        about = image_metadata.create_summary_metadata(
            display_name=None, description=escape_markdown(description)
        )
        summary = Summary()
        summary.value.add(tag=tag, metadata=about, tensor=tensor)
        self._write(summary, step)

    def text(self, tag: str, markdown: str, step: int = 0) -> None:
        """Markdown; whatever comes from the data in it must have gone through `escape_markdown`."""
        self._write(text_pb(tag, markdown), step)

    def hparams_config(self, space: Mapping[str, Range], metrics: Mapping[str, str]) -> None:
        """Tell the HParams tab what can be chosen; once, in the run above those of the trials.

        Args:
            space: dotted config key -> its range.
            metrics: tag of a score -> its name for the reader.
        """
        hparams = [summary_v2.HParam(key, _domain(values)) for key, values in space.items()]
        shown = [summary_v2.Metric(tag, display_name=name) for tag, name in metrics.items()]
        self._write(summary_v2.hparams_config_pb(hparams, shown))

    def trial(
        self,
        values: Mapping[str, Any],
        score: float | None,
        metric: str,
        status: Status = "success",
        space: Mapping[str, Range] = NO_SPACE,
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
        """
        shown = {key: _shown(value, space.get(key)) for key, value in values.items()}
        self._write(hparams_summary.session_start_pb(shown, group_name=self.folder.name))
        if score is not None and np.isfinite(score):
            self._write(scalar_pb(metric, score, description=repr(float(score))))
        end = getattr(api_pb2, f"STATUS_{status.upper()}")
        self._write(hparams_summary.session_end_pb(end))

    def close(self) -> None:
        """Write what waits, and close the file.

        Raises:
            RequestError: the disk is full, or the folder can't be written to.
        """
        self._write_waiting()
        if self._file is not None:
            with _explained(self.folder):
                self._file.close()
            self._file = None

    def _write_waiting(self) -> None:
        """Write the scalars that wait."""
        waiting, self._waiting = self._waiting, []
        for wall_time, values, step in waiting:
            event = Event(wall_time=wall_time, step=step)
            with np.errstate(over="ignore"):  # what float32 can't hold is shown as infinite
                contents = [np.float32(value).tobytes() for value in values.values()]
            for tag, content in zip(values, contents, strict=True):
                tensor = TensorProto(dtype=DT_FLOAT, tensor_shape=SCALAR, tensor_content=content)
                event.summary.value.add(tag=tag, metadata=OF_SCALARS, tensor=tensor)
            self._append(event)

    def _write(self, summary: Any, step: int = 0) -> None:
        """Write a protobuf, made here or by a plugin."""
        self._write_waiting()
        event = Event(wall_time=time.time(), step=step)
        # the plugins' protobufs are TensorFlow's or TensorBoard's: the bytes are the same
        event.summary.MergeFromString(summary.SerializeToString())
        self._append(event)
        self._flush()

    def _append(self, event: Event) -> None:
        """Add an event to the file.

        Raises:
            RequestError: the folder can't be written to.
        """
        with _explained(self.folder):
            if self._file is None:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._file = tf.io.TFRecordWriter(str(self.folder / _file_name()))
                version = Event(wall_time=event.wall_time, file_version="brain.Event:2")
                self._file.write(version.SerializeToString())
            self._file.write(event.SerializeToString())

    def _flush(self) -> None:
        """Let TensorBoard see it.

        Raises:
            RequestError: the disk is full.
        """
        if self._file is not None:
            with _explained(self.folder):
                self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _file_name() -> str:
    """The next event file of this process.

    TensorBoard reads a run's files in the order of their names, so the number has all its zeros.
    """
    return (
        f"events.out.tfevents.{int(time.time()):010}.{socket.gethostname()}.{os.getpid()}."
        f"{next(_FILES):06}.v2"
    )


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """TensorFlow's error of a file as one line that names the folder and the reason."""
    try:
        with explained(folder):
            yield
    except tf.errors.OpError as error:
        why = error.message.rpartition("; ")[2]
        raise RequestError(f"{folder}: can't be written: {why}") from error


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
