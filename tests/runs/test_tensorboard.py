import html
import time
import warnings

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import types_pb2
from tensorboard.compat.proto.event_pb2 import Event

from recipe.config import Range, RequestError
from recipe.findings import Finding, StageResult, Verdict
from recipe.runs.tensorboard import Board, escape_markdown, findings_table
from tests.served import ask, tensorboard

with warnings.catch_warnings():
    # TensorBoard's own copy of html5lib announces its end on every import
    warnings.simplefilter("ignore", DeprecationWarning)
    from tensorboard.plugin_util import markdown_to_safe_html

SCORE = 0.9831460674157303
SPACE = {
    "train.learning_rate": Range(log=(1e-5, 1e-1)),
    "train.epochs": Range(int=(1, 30)),
    "train.batch_size": Range(choice=(16, "full")),
    "model.dropout": Range(choice=(0.0, 0.5)),
    "model.norm": Range(choice=("none", "batch")),
    "model.widths": Range(choice=([64, 64], [128])),
}
VALUES = {
    "train.learning_rate": 1e-3,
    "train.epochs": 4,
    "train.batch_size": 16,
    "model.dropout": 0.5,
    "model.norm": "batch",
    "model.widths": (64, 64),
}
EVIL = "<script>x</script> ![i](http://evil.example/a.png) [l](http://evil.example) a|b *c* `d` _e_"


def events(folder) -> EventAccumulator:
    found = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    found.Reload()
    return found


def tensors(folder, tag) -> list[tuple[int, np.ndarray]]:
    return [(e.step, tf.make_ndarray(e.tensor_proto)) for e in events(folder).Tensors(tag)]


def test_scalars_are_points_of_curves_under_keras_own_tags(tmp_path):
    with Board(tmp_path) as board:
        board.scalars({"epoch_loss": 0.3, "epoch_accuracy": 0.9}, step=1)
        board.scalars({"epoch_loss": float("nan")}, step=2)
    points = tensors(tmp_path, "epoch_loss")
    assert [step for step, _ in points] == [1, 2]
    assert points[0][1] == np.float32(0.3)
    assert np.isnan(points[1][1])
    # the loader behind `tensorboard --logdir` shows no scalar of another type
    assert points[0][1].dtype == np.float32
    assert tensors(tmp_path, "epoch_accuracy")[0][1] == np.float32(0.9)


def test_what_float32_can_not_hold_is_infinite(tmp_path):
    with Board(tmp_path) as board:
        board.scalars({"epoch_loss": 1e300}, step=0)
    assert tensors(tmp_path, "epoch_loss")[0][1] == np.inf


def test_what_is_written_can_be_seen_at_once(tmp_path):
    board = Board(tmp_path)
    board.scalars({"epoch_loss": 0.3}, step=0)
    assert len(tensors(tmp_path, "epoch_loss")) == 1
    board.close()


def test_scalars_that_come_very_fast_wait_for_one_another(tmp_path):
    now = [0.0]
    board = Board(tmp_path, clock=lambda: now[0])

    def seen():
        return [step for step, _ in tensors(tmp_path, "epoch_loss")]

    for step in range(10):
        board.scalars({"epoch_loss": step}, step)
    assert seen() == [*range(6)]
    now[0] = 0.9
    board.scalars({"epoch_loss": 10}, 10)
    assert seen() == [*range(6)]
    now[0] = 1.0
    board.scalars({"epoch_loss": 11}, 11)
    assert seen() == [*range(12)]
    for step in range(12, 20):
        board.scalars({"epoch_loss": step}, step)
    board.text("anything", "else")
    assert seen() == [*range(20)]
    board.scalars({"epoch_loss": 20}, 20)
    board.close()
    assert seen() == [*range(21)]


def test_a_board_that_was_closed_goes_on_in_another_file(tmp_path):
    board = Board(tmp_path)
    for step in range(12):  # the twelfth file comes after the second
        board.scalars({"epoch_loss": step}, step=step)
        board.close()
    board.close()
    assert len([*tmp_path.iterdir()]) == 12
    assert [step for step, _ in tensors(tmp_path, "epoch_loss")] == [*range(12)]


def test_a_board_that_nobody_writes_to_leaves_no_file(tmp_path):
    with Board(tmp_path / "run") as board:
        board.scalars({}, step=0)
    assert not (tmp_path / "run").exists()


def test_a_histogram_is_what_somebody_counted(tmp_path):
    counted = np.array([[-1.0, 0.0, 2.0], [0.0, 1.0, 3.0]])
    with Board(tmp_path) as board:
        board.histograms({"weights/head": counted, "weights/body": counted[:1]}, step=3)
    ((step, buckets),) = tensors(tmp_path, "weights/head")
    assert step == 3
    np.testing.assert_array_equal(buckets, counted)
    np.testing.assert_array_equal(tensors(tmp_path, "weights/body")[0][1], counted[:1])


def test_the_bytes_are_those_of_tf_summary(tmp_path):
    """So that whatever shows the one shows the other, TensorBoard's fast loader too."""
    values = np.array([0.0, 0.0, 1.0, 2.0])
    pixels = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    (tmp_path / "p.png").write_bytes(tf.io.encode_png(pixels[0]).numpy())
    theirs = tf.summary.create_file_writer(str(tmp_path / "theirs"))
    with theirs.as_default():
        tf.summary.scalar("scalar", 0.3, step=1)
        tf.summary.histogram("histogram", values, step=1)
        tf.summary.image("image", pixels, step=1, description="words")
        tf.summary.text("text", "words", step=1)
    theirs.close()
    (counted,) = (buckets for _, buckets in tensors(tmp_path / "theirs", "histogram"))
    with Board(tmp_path / "ours") as board:
        board.scalars({"scalar": 0.3}, step=1)
        board.histograms({"histogram": counted}, step=1)
        board.image("image", tmp_path / "p.png", step=1, description="words")
        board.text("text", "words", step=1)

    def said(name):
        (file,) = (tmp_path / name).iterdir()
        found = [Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(file))]
        assert found[0].file_version == "brain.Event:2"
        for event in found[1:]:
            for value in event.summary.value:
                # a string may stand in either field of the protobuf
                exact = value.tensor.dtype != types_pb2.DT_STRING
                content = value.tensor if exact else tf.make_ndarray(value.tensor).tolist()
                yield event.step, value.tag, str(value.metadata), str(content)

    assert [*said("ours")] == [*said("theirs")]


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        pytest.param("file/run", "can't be written: Not a directory", id="a file is in the way"),
        pytest.param("/proc/run", "can't be written: ", id="no place to write to"),
    ],
)
def test_a_folder_that_can_not_be_written_to_is_named(tmp_path, folder, why):
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match=why) as error:
        Board(tmp_path / folder).scalars({"a": 1}, step=0)
    assert folder in str(error.value)


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("recipe.runs.tensorboard._file_name", lambda: "full")
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(RequestError, match="can't be written: No space left on device"):
        Board(tmp_path).scalars({"a": 1}, step=0)


def test_an_image_comes_from_a_figure_or_a_file(tmp_path):
    figure = Figure(figsize=(2, 1), dpi=50)
    figure.savefig(tmp_path / "f.png")
    with Board(tmp_path / "run") as board:
        board.image("drawn", figure, step=2, description=EVIL)
        board.image("read", tmp_path / "f.png")
    for tag, step in (("drawn", 2), ("read", 0)):
        ((seen, image),) = tensors(tmp_path / "run", tag)  # width, height, PNG
        assert seen == step
        assert image[:2].tolist() == [b"100", b"50"]
        assert image[2].startswith(b"\x89PNG")
    described = events(tmp_path / "run").SummaryMetadata("drawn").summary_description
    assert_shown_literally(described)


def assert_shown_literally(markdown: str) -> None:
    shown = markdown_to_safe_html(markdown)
    assert not any(tag in shown for tag in ("<img", "<a ", "<em", "<code", "<script", "<h1", "<li"))
    assert EVIL in html.unescape(shown)


def test_text_from_the_data_is_shown_literally():
    assert_shown_literally(escape_markdown(EVIL))


@pytest.mark.parametrize(
    "text",
    [
        "# head",
        "1. item",
        "- item",
        "+ item",
        "> quote",
        "---",
        "a\n===",
        "    code",
        "~~~",
        "1.",
        "-",
    ],
)
def test_no_line_becomes_a_heading_a_list_or_a_block(text):
    assert markdown_to_safe_html(escape_markdown(text)).startswith("<p>")


def test_control_characters_become_blanks():
    assert escape_markdown("a\x02b\ud800c\nd") == "a b c d"


def test_text_is_written_as_it_is(tmp_path):
    with Board(tmp_path) as board:
        board.text("findings", "**bold**", step=1)
    ((step, text),) = tensors(tmp_path, "findings")
    assert (step, text.item()) == (1, b"**bold**")


def test_findings_table_tells_every_finding_in_one_row():
    findings = [
        Finding(check="initial_loss", verdict=Verdict.PASS, message="As it should be.",
                measured=2.302585, expected="2.3026 within 1 %"),
        Finding(check="leak", verdict=Verdict.FAIL, message=EVIL, measured=EVIL, expected=EVIL,
                code=EVIL, prescription=EVIL, source=EVIL),
    ]  # fmt: skip
    result = StageResult(stage="data", verdict=Verdict.FAIL, headline=EVIL, findings=findings)
    table = findings_table(result)
    assert len(table.splitlines()) == 6
    shown = markdown_to_safe_html(table)
    assert shown.count("<tr>") == 3
    assert shown.count("<td>") == 14, "a pipe in a message makes no cell"
    assert "<td>2.303</td>" in shown
    assert_shown_literally(table)
    first = result.model_copy(update={"findings": findings[:1]})
    assert "| source |" in table
    assert "source" not in findings_table(first), "a column in which nobody says anything"
    assert "forced" not in table
    assert "forced" in findings_table(result.model_copy(update={"forced": True}))


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """TensorBoard's own answers about a search of two trials, over HTTP on this machine."""
    root = tmp_path_factory.mktemp("search")
    with Board(root) as board:
        board.hparams_config(SPACE, {"val_accuracy": "validation accuracy"})
    with Board(root / "trial_0") as board:
        board.trial(VALUES, SCORE, "val_accuracy", space=SPACE)
    with Board(root / "trial_1") as board:
        full = VALUES | {"train.batch_size": "full"}
        board.trial(full, float("nan"), "val_accuracy", "failure", SPACE)

    wanted = {
        "startIndex": 0,
        "sliceSize": 10,
        "colParams": [{"metric": {"tag": "val_accuracy"}}],
        "allowedStatuses": [f"STATUS_{s}" for s in ("UNKNOWN", "SUCCESS", "FAILURE", "RUNNING")],
    }
    with tensorboard(root) as (_, url):

        def answer(route, body=None):
            return ask(f"{url}/data/plugin/{route}", body)

        deadline = time.monotonic() + 60
        while len(answer("hparams/session_groups", wanted).get("sessionGroups", [])) < 2:
            assert time.monotonic() < deadline, "TensorBoard did not load the trials"
            time.sleep(0.2)
        groups = answer("hparams/session_groups", wanted)["sessionGroups"]
        yield answer, {group["name"]: group for group in groups}


def score_of(group) -> float:
    (value,) = group["metricValues"]
    return value["value"]


def test_hparams_shows_the_tuners_score(search):
    answer, groups = search
    assert score_of(groups["trial_0"]) == pytest.approx(SCORE, abs=6e-8)
    tags = answer("scalars/tags")["trial_0"]
    assert markdown_to_safe_html(repr(SCORE)) == tags["val_accuracy"]["description"]


def test_hparams_shows_a_failed_trial_as_failed_and_without_a_score(search):
    _, groups = search
    (session,) = groups["trial_1"]["sessions"]
    assert session["status"] == "STATUS_FAILURE"
    assert groups["trial_1"]["metricValues"] == []
    assert groups["trial_0"]["sessions"][0]["status"] == "STATUS_SUCCESS"


def test_hparams_shows_values_in_the_type_of_their_domain(search):
    answer, groups = search
    assert groups["trial_0"]["hparams"] == {
        "train.learning_rate": 1e-3,
        "train.epochs": 4.0,
        "train.batch_size": "16",
        "model.dropout": 0.5,
        "model.norm": "batch",
        "model.widths": "[64, 64]",
    }
    shown = {info["name"]: info for info in answer("hparams/experiment", {})["hparamInfos"]}
    assert shown["train.learning_rate"]["domainInterval"] == {"minValue": 1e-5, "maxValue": 0.1}
    assert shown["train.epochs"]["domainInterval"] == {"minValue": 1.0, "maxValue": 30.0}
    assert set(shown["train.batch_size"]["domainDiscrete"]) == {"16", "full"}
    assert set(shown["model.dropout"]["domainDiscrete"]) == {0.0, 0.5}
    assert set(shown["model.widths"]["domainDiscrete"]) == {"[64, 64]", "[128]"}


def test_hparams_names_the_score_for_the_reader(search):
    answer, _ = search
    (metric,) = answer("hparams/experiment", {})["metricInfos"]
    assert metric["displayName"] == "validation accuracy"
    assert metric["name"]["tag"] == "val_accuracy"
