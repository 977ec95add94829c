import html
import time
import warnings

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from recipe.config import Range
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


def test_flush_shows_what_was_written_so_far(tmp_path):
    board = Board(tmp_path)
    board.scalars({"epoch_loss": 0.3}, step=0)
    board.flush()
    assert len(tensors(tmp_path, "epoch_loss")) == 1
    board.close()


def test_a_histogram_holds_the_finite_values_and_says_what_is_lost(tmp_path):
    with Board(tmp_path) as board:
        board.histogram("kernel", np.array([[1.0, 2.0], [np.nan, np.inf]]), step=3)
        board.histogram("healthy", np.ones(4), step=3)
        board.histogram("gone", np.full(4, np.nan), step=3)
    ((step, buckets),) = tensors(tmp_path, "kernel")  # (buckets, 3): left, right, count
    assert step == 3
    assert buckets[:, 2].sum() == 2
    assert tensors(tmp_path, "kernel/not_finite")[0][1] == 0.5
    assert tensors(tmp_path, "gone/not_finite")[0][1] == 1.0
    assert "healthy/not_finite" not in events(tmp_path).Tags()["tensors"]


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
    """TensorBoard's own answers about a search of three trials, over HTTP on this machine."""
    root = tmp_path_factory.mktemp("search")
    with Board(root) as board:
        board.hparams_config(SPACE, {"val_accuracy": "validation accuracy"})
    with Board(root / "trial_0") as board:
        board.trial(VALUES, SCORE, "val_accuracy", space=SPACE)
    with Board(root / "trial_1") as board:
        full = VALUES | {"train.batch_size": "full"}
        board.trial(full, float("nan"), "val_accuracy", "failure", SPACE)
    for seed, score in enumerate((0.25, 0.75)):
        with Board(root / f"trial_2_seed_{seed}") as board:
            board.trial(VALUES, score, "val_accuracy", space=SPACE, trial_id="trial_2")

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
        while len(answer("hparams/session_groups", wanted).get("sessionGroups", [])) < 3:
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


def test_hparams_averages_the_seeds_of_one_trial(search):
    _, groups = search
    assert len(groups["trial_2"]["sessions"]) == 2
    assert score_of(groups["trial_2"]) == 0.5


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
