import subprocess
import sys
from io import BytesIO

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from recipe.runs import figures

NAN = float("nan")
RANDOM = np.random.default_rng(0)
NAMES = ["zero", "one", "two"]
ODD_NAMES = ["$x_{$", "<b>|*", "two\nlines " * 20]
PROBABILITIES = np.array([[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.6, 0.3]])
LABELS = np.array([0, 1, 2])
ROWS = [
    ("dropout 0.2", 0.012, 0.004, 0.020, "better"),
    ("dropout 0.5", -0.02, -0.03, -0.01, "worse"),
    ("l2", 0.001, -0.004, 0.006, "inconclusive"),
]
SPACE = {
    "train.learning_rate": [1e-5, 1e-4, 1e-3, 1e-2],
    "model.dropout": [0.1, 0.2, 0.3, 0.4],
    "train.optimizer": ["adam", "sgd", "adam", "sgd"],
    "model.widths": [[64], [64, 64], [64], [128]],
    "search.missing": [None, 1, None, 2],
}
SCORES = [0.7, 0.9, 0.8, NAN]

MOVING = np.clip(np.linspace(0, 1, 9)[:, None] + np.linspace(-0.4, 0.4, 5), 0, 1)
FLIPPED = np.diff(MOVING > 0.5, axis=0, prepend=MOVING[:1] > 0.5)

HEALTHY = {
    "contact_sheet": lambda: figures.contact_sheet(
        RANDOM.normal(size=(12, 8, 8, 1)), ["a"] * 12, "Images"
    ),
    "contact_sheet in colour": lambda: figures.contact_sheet(
        RANDOM.integers(0, 255, (3, 8, 12, 3)), [], "Images"
    ),
    "class_balance": lambda: figures.class_balance({"train": np.ones(3), "val": LABELS}, NAMES),
    "column_histograms": lambda: figures.column_histograms(
        {"size": RANDOM.normal(size=50), "town": np.array([*"abcdefgh", ""] * 5, object)}
    ),
    "feature_values": lambda: figures.feature_values(
        RANDOM.normal(size=(50, 3)), NAMES, ["a"] * 50, "The first batch"
    ),
    "curves": lambda: figures.curves(
        {"train": [3, 2, 1], "validation": [3, 2.5]}, "loss (nats)", "Loss", targets={"prior": 2.3}
    ),
    "curves, log": lambda: figures.curves({"a": [1, 0.1]}, "loss", "L", "step", log=True),
    "dynamics": lambda: figures.dynamics(MOVING, FLIPPED, range(1, 10), "How predictions move"),
    "dynamics of a quantity": lambda: figures.dynamics(
        MOVING * 40, None, range(1, 10), "How predictions move", "price", limits=None
    ),
    "learning_curve": lambda: figures.learning_curve(
        (10, 20, 100),
        [[0.5], [0.4, 0.3], [0.2]],
        np.array([10.0, 200.0]),
        np.array([[0.4, 0.1], [0.5, 0.15], [0.6, 0.2]]),
        (0.1, 0.15, 0.2),
        ("dropout", 0.18),
        "Twice the data",
        "validation 1 - accuracy",
    ),
    "activations": lambda: figures.activations(
        {"first": RANDOM.normal(size=(9, 70)), "second": RANDOM.normal(size=(9, 3))}, "Units"
    ),
    "label_against_prediction": lambda: figures.label_against_prediction(
        np.arange(9.0)[:, None], np.arange(9.0), "Predictions"
    ),
    "class_predictions": lambda: figures.class_predictions(
        LABELS, PROBABILITIES, NAMES, "Predictions"
    ),
    "confusion": lambda: figures.confusion(np.array([[9, 1, 0], [0, 8, 2], [0, 0, 7]]), NAMES),
    "range_curve": lambda: figures.range_curve(
        [np.geomspace(1e-7, 10, n) for n in (40, 30)],
        [np.r_[np.full(20, 2.3), np.linspace(2.3, 0.2, n - 20)] for n in (40, 30)],
        (0.004, 0.003, 0.006),
        0.001,
        "Range test",
    ),
    "intervals": lambda: figures.intervals(ROWS, "Regularizers", "difference in accuracy"),
    "intervals over a noise floor": lambda: figures.intervals(
        [*ROWS, ("dropped", 0.01, NAN, NAN, "one seed")], "Ladder", "accuracy", noise=0.005
    ),
    "pairs": lambda: figures.pairs(
        {"old": [0.9, 0.91, 0.92], "new": [0.91, 0.91, 0.9]},
        [0.01, 0.0, -0.02],
        [(3, -0.003, -0.04, 0.03)],
        0.01,
        "new against old",
        "validation accuracy",
    ),
    "ladder_of_scores": lambda: figures.ladder_of_scores(
        [("dummy", 0.1, None, None), ("net", 0.9, 0.85, 0.95)], "Scores", "accuracy"
    ),
    "trials": lambda: figures.trials(SPACE, SCORES, "val_accuracy"),
    "first_layer, dense": lambda: figures.first_layer(RANDOM.normal(size=(64, 70)), (8, 8, 1)),
    "first_layer, conv": lambda: figures.first_layer(RANDOM.normal(size=(3, 3, 3, 5)), (8, 8, 3)),
    "first_layer, table": lambda: figures.first_layer(
        RANDOM.normal(size=(3, 8)), (3,), names=NAMES
    ),
}

SICK = {
    "no image": lambda: figures.contact_sheet(np.zeros((0, 8, 8, 1)), [], "None"),
    "black images": lambda: figures.contact_sheet(np.zeros((2, 8, 8, 1)), ODD_NAMES[:2], "Black"),
    "images of NaN": lambda: figures.contact_sheet(np.full((2, 8, 8, 1), NAN), [], "NaN"),
    "a curve of which a part diverged": lambda: figures.learning_curve(
        (10, 20),
        [[NAN], [0.2]],
        np.array([10.0, 40.0]),
        np.zeros((3, 2)),
        (0.0, 0.0, 0.0),
        (ODD_NAMES[0], 0.1),
        ODD_NAMES[2],
        "t",
    ),
    "dead units": lambda: figures.activations({ODD_NAMES[0]: np.full((3, 2), NAN)}, ODD_NAMES[1]),
    "an empty split": lambda: figures.class_balance({"train": np.zeros(3)}, ODD_NAMES),
    "a hundred classes": lambda: figures.class_balance(
        {"train": np.ones(100)}, [f"class {i}" for i in range(100)]
    ),
    "constant and missing columns": lambda: figures.column_histograms(
        dict(zip(ODD_NAMES, np.array([[1.0, NAN, np.inf]] * 9).T, strict=True))
    ),
    "a column of nothing but gaps, and one of long words": lambda: figures.column_histograms(
        {"a": np.array([""] * 9, object), "b": np.array(ODD_NAMES * 3, object)}
    ),
    "features of NaN": lambda: figures.feature_values(
        np.full((3, 2), NAN), ODD_NAMES, ODD_NAMES, "$t_{$"
    ),
    "a loss that is never finite": lambda: figures.curves({"a": [NAN, np.inf]}, "y", "t"),
    "a loss of zero on a log axis": lambda: figures.curves(
        {"a": [1.0, 0.0]}, "y", "t", targets={"b": 0.0, "c": NAN}, log=True
    ),
    "no epoch": lambda: figures.curves({"$a_{$": []}, "$y_{$", "$t_{$"),
    "predictions that stop being finite": lambda: figures.dynamics(
        np.where(np.arange(9)[:, None] > 4, NAN, MOVING), FLIPPED, range(9), "t", ODD_NAMES[0], None
    ),
    "no look at predictions": lambda: figures.dynamics(np.zeros((0, 3)), None, [], "t"),
    "one look at one prediction": lambda: figures.dynamics(np.ones((1, 1)), None, [7], "t"),
    "a thousand looks": lambda: figures.dynamics(
        RANDOM.random((1000, 64)), RANDOM.random((1000, 64)) > 0.5, range(1000), "t"
    ),
    "predictions of NaN": lambda: figures.label_against_prediction(
        np.ones(3), np.full(3, NAN), "t"
    ),
    "probabilities of NaN": lambda: figures.class_predictions(
        LABELS, np.full((3, 3), NAN), ODD_NAMES, "t"
    ),
    "an empty confusion": lambda: figures.confusion(np.zeros((3, 3), int), ODD_NAMES),
    "forty classes": lambda: figures.confusion(np.eye(40, dtype=int), [str(i) for i in range(40)]),
    "no interval": lambda: figures.intervals([], "t", "x"),
    "a side that diverged": lambda: figures.pairs(
        {"$a_{$": [0.9, 0.9, 0.9], "b": [0.9, NAN, NAN]},
        [0.0, NAN, NAN],
        [(3, -np.inf, -np.inf, -np.inf), (4, NAN, NAN, NAN)],
        0.01,
        "t",
        "y",
    ),
    "an interval of NaN": lambda: figures.intervals([("$a_{$", NAN, NAN, NAN, "?")], "t", "x"),
    "a score of NaN": lambda: figures.ladder_of_scores([("a", NAN, None, None)], "t", "x"),
    "no feasible trial": lambda: figures.trials({"a": [1, 2]}, [NAN, np.inf], "m"),
    "no trial": lambda: figures.trials({"a": []}, [], "m"),
    "an empty space": lambda: figures.trials({}, [0.5], "m"),
    "weights of NaN": lambda: figures.first_layer(np.full((64, 4), NAN), (8, 8, 1)),
    "weights of zero": lambda: figures.first_layer(np.zeros((64, 4)), (8, 8, 1)),
}


def png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=50)
    return buffer.getvalue()


def words(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.findobj(Text) if t.get_visible() and t.get_text()]


def markers(figure: Figure, marker: str) -> list[tuple[float, float]]:
    return [
        (float(x), float(y))
        for axes in figure.axes
        for line in axes.lines
        if line.get_marker() == marker
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]


@pytest.mark.parametrize("draw", HEALTHY.values(), ids=HEALTHY.keys())
def test_has_a_title_and_can_be_read_at_640_pixels(draw):
    figure = draw()
    assert png(figure).startswith(b"\x89PNG")
    assert figure.get_suptitle()
    assert figure.get_figwidth() == 6.4
    sizes = [t.get_fontsize() for t in figure.findobj(Text) if t.get_visible() and t.get_text()]
    assert min(sizes) >= 6


@pytest.mark.parametrize("name", [name for name in HEALTHY if "sheet" not in name])
def test_every_axis_says_what_it_shows(name):
    figure = HEALTHY[name]()
    for axes in figure.axes:
        if axes.axison and len(axes.get_xticks()) and axes.get_label() != "<colorbar>":
            assert axes.get_xlabel() or figure.get_supxlabel()
            assert axes.get_ylabel() or figure.get_supylabel() or axes.get_yticklabels()


@pytest.mark.parametrize("draw", SICK.values(), ids=SICK.keys())
def test_draws_what_is_sick_without_a_warning(draw):
    assert png(draw()).startswith(b"\x89PNG")


def test_is_the_same_bytes_again():
    assert png(HEALTHY["trials"]()) == png(HEALTHY["trials"]())


def test_leaves_no_global_state_behind():
    before = dict(mpl.rcParams)
    png(HEALTHY["curves"]())
    assert dict(mpl.rcParams) == before
    code = "import sys, recipe.runs.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_text_from_the_data_is_no_formula():
    figure = figures.class_balance({"train": np.ones(3)}, ODD_NAMES)
    png(figure)
    assert r"\$x_{\$" in words(figure)
    assert not any("\n" in text or len(text) > 80 for text in words(figure))


@pytest.mark.parametrize("channels", [2, 4])
def test_a_contact_sheet_shows_images_of_any_number_of_channels(channels):
    x = np.random.default_rng(0).random((3, 4, 4, channels))
    figures.contact_sheet(x, [], "three").canvas.draw()


def test_contact_sheet_uses_one_scale_and_marks_what_is_not_finite():
    x = np.zeros((2, 1, 2, 1))
    x[0, 0, 0] = -2.0
    x[1, 0] = [[2.0], [NAN]]
    figure = figures.contact_sheet(x, [], "t")
    first, second = (image.get_array() for image in figure.axes[0].images)
    assert first[0, :, 0].tolist() == [0.0, 0.5]
    assert second[0, 0].tolist() == [1.0, 1.0, 1.0]
    assert len(set(second[0, 1].tolist())) == 3  # orange, no grey
    assert figure.get_supxlabel() == "-2 is black, 2 is white"


def test_class_balance_shows_shares_in_percent():
    figure = figures.class_balance({"train": np.array([30, 10]), "val": np.array([1, 1])}, "ab")
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == [75.0, 25.0, 50.0, 50.0]
    assert "train (40 examples)" in words(figure)


@pytest.mark.parametrize(
    "gaps",
    [
        pytest.param(np.r_[np.full(3, NAN), np.zeros(7)], id="numbers"),
        pytest.param(np.array(["", "", "", *"aaaabbb"], object), id="text"),
    ],
)
def test_column_histograms_say_how_much_is_missing_and_what_is_left_out(gaps):
    columns = {str(n): np.zeros(10) for n in range(30)} | {"1": gaps}
    figure = figures.column_histograms(columns)
    assert "30.0% missing" in words(figure)
    assert figure.get_suptitle().endswith("(first 24 of 30)")


def test_column_histograms_of_text_show_the_most_frequent_first_and_the_rest_as_one():
    figure = figures.column_histograms({"a": np.array([*"hgfedcba", *"bbbc", ""], object)})
    bars, axes = [bar.get_height() for bar in figure.axes[0].patches], figure.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [*"bcadef", "other"]
    assert bars == [4, 2, 1, 1, 1, 1, 2]


def test_feature_values_are_the_numbers_beside_their_labels():
    x = np.arange(20 * 15).reshape(20, 15) / 100
    names = [f"f{n}" for n in range(15)]
    figure = figures.feature_values(x, names, [f"l{n}" for n in range(20)], "Batch")
    assert {"0.01", "1.6", "f0", "f11", "l0", "l15"} <= set(words(figure))
    assert not {"f12", "l16"} & set(words(figure))
    assert figure.get_suptitle() == "Batch (first 12 of 15 features)"


def test_curves_mark_where_values_stop_being_finite():
    figure = figures.curves({"loss": [1, 2, NAN, NAN, 3, np.inf]}, "loss", "t", "step")
    assert [x for x, _ in markers(figure, "x")] == [3, 6]
    assert "not finite from step 3" in words(figure)


def test_curves_name_their_targets():
    figure = figures.curves({"loss": [1, 2]}, "loss", "t", targets={"target": 0.01})
    assert "target: 0.01" in words(figure)


def test_dynamics_mark_every_flip_and_sort_by_the_end():
    values = np.array([[0.9, 0.2], [0.6, 0.7], [0.1, 0.8]])
    flipped = np.array([[False, False], [False, True], [True, False]])
    figure = figures.dynamics(values, flipped, [1, 3, 5], "t")
    (shown,) = figure.axes[0].images
    assert shown.get_array().tolist() == [[0.2, 0.7, 0.8], [0.9, 0.6, 0.1]]
    assert shown.get_clim() == (0, 1)
    assert sorted(markers(figure, "o")) == [(1, 0), (2, 1)]
    assert "predicted class changed (2 times)" in words(figure)
    assert {"1", "3", "5", "probability of the label"} <= set(words(figure))


def test_class_predictions_outlines_labels_and_names_the_wrong_ones():
    figure = HEALTHY["class_predictions"]()
    boxes = [patch for patch in figure.axes[0].patches if not patch.get_fill()]
    assert [round(box.get_x() + 0.46) for box in boxes] == [0, 1, 2]
    assert {"0", "1", "wrong 2", "label, not predicted (1)"} <= set(words(figure))


def test_confusion_writes_every_count_and_the_share_that_is_right():
    figure = figures.confusion(np.array([[130, 1], [3, 66]]), ["a", "b"], "Validation")
    assert figure.get_suptitle() == "Validation: 196 of 200 right (98.0%)"
    assert {"130", "1", "3", "66"} <= set(words(figure))


def test_intervals_tell_verdicts_apart_without_colour():
    figure = HEALTHY["intervals"]()
    assert (0.012, 0) in markers(figure, "^")
    assert (-0.02, 1) in markers(figure, "v")
    assert (0.001, 2) in markers(figure, "o")
    assert "+0.012  [+0.004, +0.02]" in words(figure)
    assert "difference in accuracy (0 = incumbent)" in words(figure)


@pytest.mark.parametrize(("direction", "best"), [("max", 0.9), ("min", 0.7)])
def test_trials_mark_the_best_and_the_infeasible(direction, best):
    figure = figures.trials(SPACE, SCORES, "val_loss", direction)
    assert {y for _, y in markers(figure, "*")} == {best}
    assert all(y < 0.7 for _, y in markers(figure, "x"))
    assert len(markers(figure, "x")) == len(SPACE)
    assert f"best val_loss {best:.4g}" in figure.get_suptitle()


def test_trials_choose_an_axis_for_each_kind_of_value():
    rate, dropout, optimizer, widths, missing, *_ = figures.trials(SPACE, SCORES, "m").axes
    assert rate.get_xscale() == "log"
    assert dropout.get_xscale() == "linear"
    assert [t.get_text() for t in optimizer.get_xticklabels()] == ["adam", "sgd"]
    assert [t.get_text() for t in widths.get_xticklabels()] == ["[128]", "[64, 64]", "[64]"]
    assert [t.get_text() for t in missing.get_xticklabels()] == ["1", "2", "None"]


def test_first_layer_shows_the_largest_first_as_images():
    kernel = np.zeros((4, 2))  # 2 x 2 pixels, 2 units
    kernel[:, 0], kernel[:, 1] = [0, 0, 0, 1], [1, 2, 3, 4]
    sheet = figures.first_layer(kernel, (2, 2, 1)).axes[0].images[0].get_array()
    shown = sheet[2:18, 2:18][::8, ::8]
    assert shown.tolist() == [[1, 2], [3, 4]]
