"""The data of the programs: scikit-learn's bundled sets and small synthetic ones, as they come.

Raw values, in the units of their fields: scaling them, or forgetting to, is the program's
business. Each function takes a seed and returns `Rows`; order and split are drawn from the seed.
"""

from __future__ import annotations

import numpy as np
from sklearn import datasets

from .asked_data import (  # noqa: F401  # of the same kind: `data.xor` as `data.moons`
    bits,
    cars,
    cells,
    chirp,
    colonies,
    glyphs,
    grammar,
    loans,
    meters,
    motions,
    powers,
    prices,
    quantiles,
    rain,
    ramp,
    ratings,
    spelling,
    spirals,
    temperatures,
    xor,
)
from .rows import Rows, split

# ---- half "tune" --------------------------------------------------------------------------------


def digits(seed: int) -> Rows:
    """1,797 scans of 8x8 digits, ink from 0 to 16, ten classes."""
    bunch = datasets.load_digits()
    return split(bunch.images, bunch.target, seed)


def wine(seed: int) -> Rows:
    """178 wines, 13 chemical measurements in their own units (proline to 1,680), three growers."""
    return split(*datasets.load_wine(return_X_y=True), seed)


def diabetes(seed: int) -> Rows:
    """442 patients, 10 measurements in their own units, progression of the disease (25 to 346)."""
    return split(*datasets.load_diabetes(return_X_y=True, scaled=False), seed)


def moons(seed: int) -> Rows:
    """1,000 points of two interleaved half circles."""
    return split(*datasets.make_moons(1000, noise=0.15, random_state=seed), seed)


def friedman2(seed: int) -> Rows:
    """1,200 circuits: resistance, frequency, inductance, capacitance; impedance (to 1,700)."""
    return split(*datasets.make_friedman2(1200, noise=20.0, random_state=seed), seed)


def sines(seed: int) -> Rows:
    """900 noisy waves of 30 steps, (examples, 30, 1): which of three frequencies?"""
    drawn = np.random.default_rng(seed)
    kind = drawn.integers(0, 3, 900)
    phase = drawn.uniform(0, 2 * np.pi, (900, 1))
    waves = np.sin(np.arange(30) * np.array([0.3, 0.6, 1.0])[kind][:, None] + phase)
    return split((waves + 0.3 * drawn.normal(size=waves.shape))[..., None], kind, seed)


def series(seed: int) -> Rows:
    """A quasi-periodic series in windows of 20 steps, (examples, 20, 1), and the next value."""
    drawn = np.random.default_rng(seed)
    t = np.arange(1400)
    values = np.sin(0.35 * t) + 0.6 * np.sin(0.111 * t + 1) + 0.15 * drawn.normal(size=len(t))
    windows = np.lib.stride_tricks.sliding_window_view(values, 21)
    x, y = windows[:, :20, None].astype("float32"), windows[:, 20].astype("float32")
    return Rows(x[:1000], y[:1000], x[1020:], y[1020:])


def reviews(seed: int) -> Rows:
    """900 texts of 24 token ids below 300: liked, if more of 20 good words than of 20 bad ones."""
    drawn = np.random.default_rng(seed)
    tokens = drawn.integers(41, 300, (900, 24))
    liked = drawn.integers(0, 2, 900)
    for row, positive in zip(tokens, liked, strict=True):
        places = drawn.permutation(24)[:5]
        good, bad = drawn.integers(1, 21, 5), drawn.integers(21, 41, 5)
        row[places] = np.where(np.arange(5) < (4 if positive else 1), good, bad)
    return split(tokens, liked, seed)


def tags(seed: int) -> Rows:
    """1,000 documents of 30 word counts with any of five tags, 0/1 rows."""
    return split(
        *datasets.make_multilabel_classification(
            1000, n_features=30, n_classes=5, n_labels=2, length=60, random_state=seed
        ), seed,
    )  # fmt: skip


def fraud(seed: int) -> Rows:
    """2,400 payments of 12 standardized features, one in 30 a fraud."""
    return split(
        *datasets.make_classification(
            2400, n_features=12, n_informative=6, n_redundant=2, weights=[0.967], flip_y=0.0,
            class_sep=0.9, random_state=seed,
        ), seed, test=0.5,
    )  # fmt: skip


# ---- half "report" ------------------------------------------------------------------------------


def breast_cancer(seed: int) -> Rows:
    """569 tumours, 30 measurements in their own units (area to 4,254), malignant or benign."""
    return split(*datasets.load_breast_cancer(return_X_y=True), seed)


def iris(seed: int) -> Rows:
    """150 flowers, four lengths in cm, three species."""
    return split(*datasets.load_iris(return_X_y=True), seed)


def friedman1(seed: int) -> Rows:
    """1,000 rows of ten features in [0, 1], five of them matter; a target around 14."""
    return split(*datasets.make_friedman1(1000, noise=1.0, random_state=seed), seed)


def houses(seed: int) -> Rows:
    """900 houses: area (sq ft), year, rooms, distance (m), tax; price in dollars."""
    drawn = np.random.default_rng(seed)
    area, year = drawn.lognormal(7.4, 0.35, 900), drawn.integers(1900, 2020, 900)
    rooms = np.clip(np.round(area / 380 + drawn.normal(0, 1, 900)), 1, 12)
    distance, tax = drawn.exponential(6000, 900), drawn.uniform(200, 700, 900)
    price = 40_000 + 110 * area * np.exp(-distance / 9000) + 900 * (year - 1900) + 7000 * rooms
    price += drawn.normal(0, 15_000, 900) - 60 * tax
    return split(np.stack([area, year, rooms, distance, tax], axis=1), price, seed)


def rings(seed: int) -> Rows:
    """900 points of three rings around each other."""
    drawn = np.random.default_rng(seed)
    kind = drawn.integers(0, 3, 900)
    radius, angle = kind + 1 + drawn.normal(0, 0.15, 900), drawn.uniform(0, 2 * np.pi, 900)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return split(points / 2, kind, seed)


def patches(seed: int) -> Rows:
    """1,200 patches of 12x12 RGB, 0 to 255, cut from two photographs: the temple or the flower?

    Of the middle rows of each; their mean brightness is drawn anew, so that it tells nothing.
    """
    drawn = np.random.default_rng(seed)
    found = []
    for photo in datasets.load_sample_images().images:
        tops, lefts = drawn.integers(40, 380, 600), drawn.integers(0, 628, 600)
        cut = np.stack([photo[a : a + 12, b : b + 12] for a, b in zip(tops, lefts, strict=True)])
        shift = drawn.uniform(90, 165, (600, 1, 1, 1)) - cut.mean(axis=(1, 2, 3), keepdims=True)
        found.append(np.clip(cut + shift, 0, 255).round())
    return split(np.concatenate(found), np.repeat([0, 1], 600), seed)


def arrows(seed: int) -> Rows:
    """1,000 images of 12x12, 0 to 1: does the arrow point to the left or to the right?"""
    drawn = np.random.default_rng(seed)
    right = drawn.integers(0, 2, 1000)
    images = np.zeros((1000, 12, 12))
    for image, to_right in zip(images, right, strict=True):
        row, tip, size = drawn.integers(4, 8), drawn.integers(7, 11), drawn.integers(2, 4)
        image[row, tip - 6 : tip] = 1
        for k in range(1, size + 1):
            image[[row - k, row + k], tip - 1 - k] = 1
        if not to_right:
            image[:] = image[:, ::-1].copy()
    images = np.clip(images * 0.7 + 0.15 + 0.1 * drawn.normal(size=images.shape), 0, 1)
    return split(images[..., None], right, seed)


def gestures(seed: int) -> Rows:
    """800 recordings of an accelerometer, (examples, 32, 3) in m/s², four gestures."""
    drawn = np.random.default_rng(seed)
    kind = drawn.integers(0, 4, 800)
    t = np.linspace(0, 1, 32)
    x = 0.8 * drawn.normal(size=(800, 32, 3))
    start = drawn.uniform(0.1, 0.4, 800)
    for row, k, s in zip(x, kind, start, strict=True):
        bump = np.exp(-(((t - s - 0.15) / 0.07) ** 2)) * drawn.uniform(2, 4)
        row[:, k % 2] += bump * (1 if k < 2 else -1)
        row[:, 2] += 9.81 * 0.2 * np.sin(6 * (t - s)) * (1 if k in (0, 3) else -1)
    return split(x, kind, seed)


def demand(seed: int) -> Rows:
    """1,500 hours of a shop: hour and weekday as sine and cosine, price, weather; items sold."""
    drawn = np.random.default_rng(seed)
    hour, day = drawn.integers(0, 24, 1500), drawn.integers(0, 7, 1500)
    price, weather = drawn.uniform(-1, 1, 1500), drawn.normal(0, 1, 1500)
    rate = np.exp(1.2 + 0.9 * np.sin(2 * np.pi * (hour - 8) / 24) + 0.5 * (day > 4) - 0.7 * price
                  + 0.3 * weather)  # fmt: skip
    around = [f(2 * np.pi * v / n) for v, n in ((hour, 24), (day, 7)) for f in (np.sin, np.cos)]
    return split(np.stack([*around, price, weather], axis=1), drawn.poisson(rate), seed)


def tickets(seed: int) -> Rows:
    """900 tickets of 20 token ids below 200: which of four desks are concerned? 0/1 rows."""
    drawn = np.random.default_rng(seed)
    tokens = drawn.integers(50, 200, (900, 20))
    desks = (drawn.random((900, 4)) < 0.35).astype(int)
    for row, wanted in zip(tokens, desks, strict=True):
        places = drawn.permutation(20)
        for desk in np.flatnonzero(wanted):
            row[places[3 * desk : 3 * desk + 3]] = drawn.integers(10 * desk + 1, 10 * desk + 11, 3)
    return split(tokens, desks, seed)


def churn(seed: int) -> Rows:
    """2,400 customers of 10 standardized features, one in 20 leaves."""
    return split(
        *datasets.make_classification(
            2400, n_features=10, n_informative=5, n_redundant=0, n_clusters_per_class=3,
            weights=[0.95], flip_y=0.0, class_sep=1.1, random_state=seed,
        ), seed, test=0.5,
    )  # fmt: skip
