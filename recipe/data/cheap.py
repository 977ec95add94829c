"""What a model of seconds knows: which labels contradict their neighbours, what trees reach.

The model is a forest of extremely randomized trees, on images after PCA. It was chosen by
measurement: of 5 % flipped labels it finds as many as gradient boosting, its probabilities are
the least sure of themselves on sound data, and 60,000 images take five seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.model_selection import StratifiedKFold

TREES = 100
FEWEST_IN_LEAF = 3
"""Examples: a leaf of one repeats its label, wrong or not."""

FOLDS = 5
FOLDS_OF_MANY = 3
MANY = 20_000
"""Examples from which three folds do: two thirds are then as good as four fifths."""

COMPONENTS = 50
"""Of PCA. MNIST keeps 83 % of its variance in them; flips are found as well as in pixels."""

WIDE = 300
"""Features. Trees take 40 seconds for the 2000 words of sms_spam."""

FEWEST_OF_A_CLASS = 5
"""Examples. Of a rarer class nothing can be said, it is left out."""

FEWEST_EXAMPLES = 20


@dataclass(frozen=True)
class LabelQuality:
    """What out-of-fold predictions say about each label."""

    scores: np.ndarray
    """(examples,) low = suspect: the normalized margin of the given label, in 0..1; NaN where
    the class is too rare to be judged."""

    noise: float
    """Estimated fraction of wrong labels. Where classes overlap, it holds the overlap too."""

    unexplained: float
    """Fraction of the other examples that the model gets wrong: how much the classes overlap."""


def compress(x: np.ndarray, seed: int) -> np.ndarray:
    """Images and wide tables to at most 50 numbers by PCA; narrow tables stay as they are.

    Args:
        x: (examples, features), or images (examples, height, width, channels).
        seed: of the randomized decomposition.

    Returns:
        (examples, features) float32, every value finite.
    """
    return compressor(x, seed)(x)


def compressor(x: np.ndarray, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """The same, learnt on some examples and for any others."""
    flat = _flat(x)
    narrow = x.ndim == 2 and flat.shape[1] <= WIDE
    if narrow or min(flat.shape) <= COMPONENTS or not flat.std(axis=0).any():
        return _flat
    pca = PCA(COMPONENTS, svd_solver="randomized", random_state=seed).fit(flat[:MANY])
    return lambda x: np.asarray(pca.transform(_flat(x)), dtype=np.float32)


def _flat(x: np.ndarray) -> np.ndarray:
    """(examples, features) float32, every value finite."""
    flat = np.asarray(x.reshape(len(x), -1), dtype=np.float32)
    if not np.isfinite(flat).all():
        flat = np.nan_to_num(flat, nan=0.0, posinf=0.0, neginf=0.0)
    return flat


def fitted_forest(
    x: np.ndarray, y: np.ndarray, regression: bool, seed: int
) -> ExtraTreesClassifier | ExtraTreesRegressor:
    """The cheap model, trained.

    Args:
        x: (examples, features).
        y: (examples,) class positions or quantities, or (examples, targets) of these.
        regression: quantities.
        seed: of the trees.
    """
    kind = ExtraTreesRegressor if regression else ExtraTreesClassifier
    model = kind(TREES, min_samples_leaf=FEWEST_IN_LEAF, n_jobs=2, random_state=seed).fit(x, y)
    # two threads add up the trees in any order, and then the last bit differs from run to run
    return model.set_params(n_jobs=1)


def label_quality(x: np.ndarray, y: np.ndarray, seed: int) -> LabelQuality | None:
    """How well each label fits what the other examples teach.

    Args:
        x: (examples, features), scaled, one-hot and without gaps, or images (examples, height,
            width, channels).
        y: (examples,) class positions.
        seed: of folds and trees.

    Returns:
        None where cleanlab is not installed, or fewer than two classes can be judged.

    Source: Northcutt, Jiang, Chuang, "Confident Learning" (2021).
    """
    try:
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        return None
    classes, counts = np.unique(y, return_counts=True)
    judged = np.flatnonzero(np.isin(y, classes[counts >= FEWEST_OF_A_CLASS]))
    if (counts >= FEWEST_OF_A_CLASS).sum() < 2 or len(judged) < FEWEST_EXAMPLES:
        return None
    labels = np.unique(y[judged], return_inverse=True)[1].ravel()
    predicted = out_of_fold(compress(x, seed)[judged], labels, seed)
    suspect = find_label_issues(labels, predicted, filter_by="prune_by_noise_rate", n_jobs=1)
    wrong = predicted.argmax(axis=1) != labels
    scores = np.full(len(y), np.nan)
    scores[judged] = get_label_quality_scores(labels, predicted, method="normalized_margin")
    sound = ~suspect
    return LabelQuality(
        scores, float(suspect.mean()), float(wrong[sound].mean()) if sound.any() else 1.0
    )


def out_of_fold(x: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Probabilities of each example by a forest that has not seen it.

    Args:
        x: (examples, features).
        labels: (examples,) 0 to classes - 1, each at least as often as there are folds.
        seed: of folds and trees.

    Returns:
        (examples, classes).
    """
    folds = FOLDS_OF_MANY if len(labels) > MANY else FOLDS
    predicted = np.zeros((len(labels), int(labels.max()) + 1))
    for train, held_out in StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, labels):
        model = fitted_forest(x[train], labels[train], False, seed)
        predicted[held_out] = model.predict_proba(x[held_out])
    return predicted
