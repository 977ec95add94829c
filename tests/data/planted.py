"""Faults planted in clean data: what the checks of the data stage must find.

Each function says what it did, so that a test can count what was found. Copies are always of
training examples, put in the place of test examples.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image

Parts = dict[str, np.ndarray]


def random_parts(examples: int, seed: int) -> Parts:
    """70, 15 and 15 % of the row numbers at random."""
    rows = np.random.default_rng(seed).permutation(examples)
    ends = [int(examples * 0.7), int(examples * 0.85)]
    return dict(zip(("train", "val", "test"), np.split(rows, ends), strict=True))


def landscapes(examples: int, seed: int, side: int = 28) -> np.ndarray:
    """Smooth random images, (examples, side, side, 1) uint8: each unlike every other."""
    rng = np.random.default_rng(seed)
    waves = np.fft.rfft2(rng.normal(size=(examples, side, side)))
    fine = np.hypot(np.fft.fftfreq(side)[:, np.newaxis], np.fft.rfftfreq(side))
    images = np.fft.irfft2(waves / (0.05 + fine) ** 2, s=(side, side))
    low, high = images.min(axis=(1, 2), keepdims=True), images.max(axis=(1, 2), keepdims=True)
    return ((images - low) / (high - low) * 230).astype(np.uint8)[..., np.newaxis]


def shifted(image: np.ndarray) -> np.ndarray:
    """By one pixel to the right, the first column twice; (height, width, channels)."""
    return np.concatenate([image[:, :1], image[:, :-1]], axis=1)


def compressed(image: np.ndarray, quality: int = 50) -> np.ndarray:
    """Through JPEG; (height, width, 1 or 3) uint8."""
    file = io.BytesIO()
    Image.fromarray(image.squeeze()).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file)).reshape(image.shape)


def brightened(image: np.ndarray, by: float = 0.05) -> np.ndarray:
    """All values up by a fraction; uint8."""
    return np.clip(image * (1 + by), 0, 255).astype(np.uint8)


def image_copies(
    images: np.ndarray, parts: Parts, change: Callable[[np.ndarray], np.ndarray], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Changed copies of training images in test.

    Returns:
        The images, and the planted pairs (count, 2): row numbers of the original and the copy.
    """
    pairs = np.stack([parts["train"][:count], parts["test"][:count]], axis=1)
    planted = images.copy()
    planted[pairs[:, 1]] = [change(image) for image in images[pairs[:, 0]]]
    return planted, pairs


def row_copies(
    numbers: np.ndarray, parts: Parts, count: int, seed: int, noise: float = 0.01
) -> tuple[np.ndarray, np.ndarray]:
    """Copies of training rows in test, with noise of a fraction of each column's std.

    Returns:
        The rows, and the planted pairs (count, 2): row numbers of the original and the copy.
    """
    pairs = np.stack([parts["train"][:count], parts["test"][:count]], axis=1)
    planted = numbers.copy()
    spread = noise * np.nanstd(numbers, axis=0)
    jitter = np.random.default_rng(seed).normal(size=(count, numbers.shape[1])) * spread
    planted[pairs[:, 1]] = numbers[pairs[:, 0]] + jitter
    return planted, pairs


def flipped_labels(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Some labels changed to another class at random: the labels, and the rows changed."""
    rng = np.random.default_rng(seed)
    classes = int(labels.max()) + 1
    rows = rng.choice(len(labels), int(share * len(labels)), replace=False)
    changed = labels.copy()
    changed[rows] = (changed[rows] + rng.integers(1, classes, len(rows))) % classes
    return changed, rows


def target_copy(y: np.ndarray, seed: int) -> np.ndarray:
    """The target itself, (examples, 1)."""
    return np.asarray(y, np.float64)[:, np.newaxis]


def noisy_target(y: np.ndarray, seed: int) -> np.ndarray:
    """The target with noise of .05 of its std, (examples, 1)."""
    noise = np.random.default_rng(seed).normal(0, 0.05 * np.std(y), len(y))
    return (y + noise)[:, np.newaxis]


def sorted_id(y: np.ndarray, seed: int) -> np.ndarray:
    """A running number given in the order of the target, (examples, 1)."""
    number = np.empty((len(y), 1))
    number[np.lexsort((np.random.default_rng(seed).random(len(y)), y)), 0] = np.arange(len(y))
    return number
