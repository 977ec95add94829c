"""What a stage draws: numbers in, a `matplotlib.figure.Figure` out.

Every figure says in its title what it is for and on its axes in which unit. Nothing here knows
a stage, saves a file or decides anything: verdicts come from checks.
"""

from recipe.runs.figures.comparisons import Score, intervals, ladder_of_scores, trials
from recipe.runs.figures.forecast import activations, learning_curve
from recipe.runs.figures.inputs import (
    class_balance,
    column_histograms,
    contact_sheet,
    feature_values,
)
from recipe.runs.figures.lab import (
    Points,
    gradient_over_depth,
    layer_profiles,
    loss_bands,
    over,
    ratios,
)
from recipe.runs.figures.lab_norm import SHARES, along, distributions, moving
from recipe.runs.figures.lab_paths import paths
from recipe.runs.figures.pairs import pairs
from recipe.runs.figures.predictions import (
    class_predictions,
    confusion,
    label_against_prediction,
)
from recipe.runs.figures.rates import range_curve
from recipe.runs.figures.training import curves, dynamics, first_layer

__all__ = [
    "SHARES",
    "Points",
    "Score",
    "activations",
    "along",
    "class_balance",
    "class_predictions",
    "column_histograms",
    "confusion",
    "contact_sheet",
    "curves",
    "distributions",
    "dynamics",
    "feature_values",
    "first_layer",
    "gradient_over_depth",
    "intervals",
    "label_against_prediction",
    "ladder_of_scores",
    "layer_profiles",
    "learning_curve",
    "loss_bands",
    "moving",
    "over",
    "pairs",
    "paths",
    "range_curve",
    "ratios",
    "trials",
]
