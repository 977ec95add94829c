"""Which examples are near copies of another: shifted, compressed, brightened, a little noise.

Examples that are equal to the bit are counted apart (`equal_groups`); here they count as one.
Nothing is removed: that is the user's decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import convolve1d
from sklearn.neighbors import NearestNeighbors
from sklearn.random_projection import GaussianRandomProjection

from recipe.data.equal import equal_groups

NEIGHBOURS = 5
"""A copy is far closer than the 5th neighbour, which is an honest look-alike."""

COMPARED_AT_ONCE = 4096
"""Images; keeps the working memory below 100 MB."""

MOST_SEARCHED = 80_000
"""The search compares each asked example with all: beyond this many fewer are asked, so that it
never takes longer than all pairs of 80,000 (7 seconds on two cores for those of 60,000)."""

SIDE = 32
"""Pixels. Images of twice this and more are averaged down towards it before they are compared."""

LOW_FREQUENCIES = 5
"""Of each axis. With 5, the copy was the nearest of 60,000 MNIST images for every shifted and
every compressed one; of phash's 64 bits 14 differ after a shift by a pixel (90th percentile),
and so do those of 1 % of all other images."""

CERTAIN = 0.9975
"""Correlation from which two images are one in any company. Of clean MNIST and
digits not one has such a look-alike; shifts and brightness leave above .9985."""

STANDS_OUT = 0.08
"""Else a copy differs by less than this fraction of what its own 5th neighbour differs, and of
what the nearest neighbour usually differs (1 - correlation; median: about .12 in MNIST, .37 in
CIFAR-10, .07 in the digits). That finds 98 % of copies with JPEG quality 50 in MNIST, 99 % in
CIFAR-10; in the digits of 8 x 8 pixels JPEG changes as much as another
hand does, and is not found."""

TELLING_COLUMNS = 8
"""Numeric columns that vary: with fewer, honest neighbours agree in all (phoneme, 5: 15 %)."""

TOLERANCE = 0.05
"""Of a standard deviation, in every numeric column: five times the noise that shall be found."""

DIFFERENT_COLUMNS = 2
"""Noise is in more than one column. Rows that differ in the last digit of one are what a thing
measured twice looks like: of wine_white .4 %, enough to warn in 16 of 20 clean splits."""

ROW_STANDS_OUT = 0.25
"""A copy's distance, of the distance to the 5th neighbour. Finds all copies with 1 % noise in
wine_white, breast_cancer, diabetes and digits, 99.8 % in california."""

TOO_DENSE = 0.05
"""Where more than this fraction of the examples has its 5th neighbour within the tolerance,
closeness proves nothing."""

MOST_DIMENSIONS = 64
"""Wider rows are searched by a random projection: it keeps copies close."""


@dataclass(frozen=True)
class Copies:
    """Near copies, none of them equal to the bit."""

    pairs: np.ndarray
    """(pairs, 2) row numbers, the first of each group of equal examples; sorted."""

    shares: dict[str, float]
    """ "val" and "test" -> fraction of its examples with a near copy in train."""

    within: float
    """Fraction of all examples that have a near copy anywhere."""


def near_copies_of_images(images: np.ndarray, parts: Mapping[str, np.ndarray]) -> Copies | None:
    """Images that equal another up to brightness, compression and a shift by one pixel.

    The amplitudes of an image's low frequencies do not change when it is shifted: they find the
    nearest others, and the correlation of the pixels, at the best of nine shifts, decides.

    Args:
        images: (examples, height, width, channels), any range; values that are not finite
            count as 0.
        parts: row numbers of "train", "val" and "test".

    Returns:
        None where there are too few or too tiny images to tell a copy from a look-alike.
    """
    if len(images) <= NEIGHBOURS + 1 or min(images.shape[1:3]) < 4:
        return None
    groups, first = _groups(images)
    if len(first) <= NEIGHBOURS + 1:
        return None
    small = _thumbnails(images[first])
    asked, others, _ = _neighbours(_amplitudes(small), _asked(groups, parts, len(first)))

    unlike = np.ones(others.shape, np.float32)  # 1 - correlation
    unlike[:, 0] -= _correlations(small, asked, others[:, 0])
    usual = float(np.median(unlike[:, 0]))
    promising = np.flatnonzero(unlike[:, 0] <= max(STANDS_OUT * usual, 1 - CERTAIN))
    for k in range(1, NEIGHBOURS):
        unlike[promising, k] -= _correlations(small, asked[promising], others[promising, k])

    honest = np.minimum(usual, unlike.max(axis=1, keepdims=True))
    copies = (unlike <= 1 - CERTAIN) | (unlike <= STANDS_OUT * honest)
    return _copies(asked, others, copies, groups, first, parts)


def near_copies_of_rows(
    numbers: np.ndarray, others: np.ndarray, parts: Mapping[str, np.ndarray]
) -> Copies | None:
    """Rows that equal another up to a little noise in every numeric column.

    Args:
        numbers: (examples, numeric columns), in their own units, NaN where missing.
        others: (examples,) a number for the values of all other columns: equal ones are equal.
        parts: row numbers of "train", "val" and "test".

    Returns:
        None where neighbours can't be told from copies: fewer than eight numeric columns that
        vary, too few examples, or examples so dense that most have a near one by chance.
    """
    values = np.where(np.isfinite(numbers), numbers, np.nan).astype(np.float64)
    if len(values) <= NEIGHBOURS + 1 or _telling_columns(values) < TELLING_COLUMNS:
        return None
    missing = np.isnan(values)
    values = values[:, ~missing.all(axis=0)]
    values = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
    spread = values.std(axis=0)
    values = values[:, spread > 0] / spread[spread > 0]

    rest = np.column_stack([equal_groups(missing), others])  # equal in what is no number
    groups, first = _groups(np.column_stack([values, rest]))
    if len(first) <= NEIGHBOURS + 1:
        return None
    values, rest = values[first], rest[first]
    asked, near, distance = _neighbours(values, _asked(groups, parts, len(first)))

    differ, noisy = np.empty(near.shape), np.empty(near.shape, int)
    for k in range(NEIGHBOURS):
        difference = np.abs(values[asked] - values[near[:, k]])
        differ[:, k], noisy[:, k] = difference.max(axis=1), (difference > 0).sum(axis=1)
    if (differ[:, -1] < TOLERANCE).mean() > TOO_DENSE:
        return None
    same = (rest[asked][:, np.newaxis] == rest[near]).all(axis=2)
    # the median helps where an example has five copies, so that the 5th neighbour is one too
    usual = np.maximum(distance[:, -1:], np.median(distance[:, -1]))
    copies = same & (differ < TOLERANCE) & (noisy >= DIFFERENT_COLUMNS)
    copies &= distance < ROW_STANDS_OUT * usual
    return _copies(asked, near, copies, groups, first, parts)


def _telling_columns(values: np.ndarray) -> int:
    """Columns (NaN: missing) in which no value, and no gap, is that of half of the examples."""
    told = 0
    for column in values.T:
        counts = np.unique(column, return_counts=True)[1]  # all NaN count as one value
        told += int(counts.max() < len(column) / 2)
    return told


def _groups(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of equal examples: each example's group, and the row number of each group's first."""
    groups = equal_groups(x)
    return groups, np.unique(groups, return_index=True)[1]


def _asked(groups: np.ndarray, parts: Mapping[str, np.ndarray], size: int) -> np.ndarray:
    """The groups to search a copy for: all, or as many random ones as can be afforded."""
    affordable = MOST_SEARCHED * MOST_SEARCHED // size
    present = np.unique(groups[np.concatenate([np.asarray(rows) for rows in parts.values()])])
    if len(present) <= affordable:
        return present
    return np.sort(np.random.default_rng(0).choice(present, affordable, replace=False))


def _neighbours(points: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The five nearest others of each asked point, and their distances: (asked, 5) each."""
    if points.shape[1] > MOST_DIMENSIONS:
        points = GaussianRandomProjection(MOST_DIMENSIONS, random_state=0).fit_transform(points)
    search = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(points)
    distance, near = search.kneighbors(points[asked])
    itself = near == asked[:, np.newaxis]
    itself[~itself.any(axis=1), -1] = True  # pushed out by points at distance 0
    keep = ~itself
    shape = (len(asked), NEIGHBOURS)
    return asked, near[keep].reshape(shape), distance[keep].reshape(shape)


def _thumbnails(images: np.ndarray) -> np.ndarray:
    """32 to 63 pixels a side by averaging blocks: (examples, rows, columns, channels) float32."""
    height, width = images.shape[1:3]
    step = max(1, min(height, width) // SIDE)
    rows, columns = height // step, width // step
    small = np.empty((len(images), rows, columns, images.shape[3]), np.float32)
    for start in range(0, len(images), COMPARED_AT_ONCE):
        part = images[start : start + COMPARED_AT_ONCE, : rows * step, : columns * step]
        blocks = part.reshape(len(part), rows, step, columns, step, -1).astype(np.float32)
        finite = np.nan_to_num(blocks, nan=0.0, posinf=0.0, neginf=0.0)
        mean = finite.mean(axis=(2, 4))
        small[start : start + COMPARED_AT_ONCE] = mean if step == 1 else _blurred(mean)
    return small


def _blurred(images: np.ndarray) -> np.ndarray:
    """Weights 1, 2, 1 down and across: a pixel of a large image is a fraction of one here.

    Halved CIFAR-10, shifted by a pixel before that: the correlation of 90 % of the copies is
    above .95 with it, above .86 without.
    """
    for axis in (1, 2):
        images = convolve1d(images, (0.25, 0.5, 0.25), axis=axis)
    return images


def _amplitudes(images: np.ndarray) -> np.ndarray:
    """Roots of the amplitudes of the low frequencies, of length 1: (examples, 45) float32."""
    height, width = images.shape[1:3]
    down, across = min(LOW_FREQUENCIES, height // 2), min(LOW_FREQUENCIES, width // 2)
    found = []
    for start in range(0, len(images), COMPARED_AT_ONCE):
        gray = images[start : start + COMPARED_AT_ONCE].mean(axis=-1)
        gray = gray - gray.mean(axis=(1, 2), keepdims=True)
        waves = np.abs(np.fft.rfft2(gray)[:, :, :across])
        waves = np.concatenate([waves[:, :down], waves[:, 1 - down :]], axis=1)
        found.append(np.sqrt(waves.reshape(len(gray), -1)).astype(np.float32))
    amplitudes = np.concatenate(found)
    length = np.linalg.norm(amplitudes, axis=1, keepdims=True)
    return amplitudes / np.where(length > 0, length, 1)


def _correlations(images: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Of each pair's pixels, at the best of nine shifts: (pairs,) in -1..1; 0 if constant."""
    height, width = images.shape[1:3]
    best = np.zeros(len(left), np.float32)
    for start in range(0, len(left), COMPARED_AT_ONCE):
        at = slice(start, start + COMPARED_AT_ONCE)
        inner = _unit(images[left[at], 1 : height - 1, 1 : width - 1])
        other = images[right[at]]
        for y in range(3):
            for x in range(3):
                moved = _unit(other[:, y : y + height - 2, x : x + width - 2])
                best[at] = np.maximum(best[at], np.einsum("ij,ij->i", inner, moved))
    return best


def _unit(images: np.ndarray) -> np.ndarray:
    """Each image as a vector of mean 0 and length 1 (0 where it is constant)."""
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    flat /= np.where(length > 1e-6, length, np.inf)
    return flat


def _copies(
    asked: np.ndarray,
    near: np.ndarray,
    copies: np.ndarray,
    groups: np.ndarray,
    first: np.ndarray,
    parts: Mapping[str, np.ndarray],
) -> Copies:
    """From groups of equal examples back to examples; near, copies: (asked, 5)."""
    at, k = np.nonzero(copies)
    pairs = np.stack([asked[at], near[at, k]], axis=1)
    both = np.concatenate([pairs, pairs[:, ::-1]])  # a copy is one in both directions
    has_copy = np.isin(groups, both[:, 0])
    in_train = np.isin(both[:, 1], groups[parts["train"]])
    in_reach = np.isin(groups, both[in_train, 0])
    searched = np.isin(groups, asked) | has_copy  # of very many examples only some are asked
    shares = {}
    for name in ("val", "test"):
        rows = np.asarray(parts[name])
        rows = rows[searched[rows]]
        shares[name] = float(in_reach[rows].mean()) if len(rows) else 0.0
    rows = np.unique(np.sort(first[pairs], axis=1), axis=0)
    within = float(has_copy[searched].mean()) if searched.any() else 0.0
    return Copies(rows.reshape(-1, 2), shares, within)
