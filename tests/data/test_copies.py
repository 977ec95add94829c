"""Near copies: planted ones are found, honest look-alikes are not taken for copies."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

from recipe.data.copies import near_copies_of_images, near_copies_of_rows
from tests.data import planted

PARTS = planted.random_parts(600, seed=0)
IMAGES = planted.landscapes(600, seed=0)


def found(pairs: np.ndarray, copies: np.ndarray) -> float:
    """Fraction of the planted pairs among the found ones."""
    names = {tuple(sorted(pair)) for pair in copies.tolist()}
    return float(np.mean([tuple(sorted(pair)) in names for pair in pairs.tolist()]))


def coloured(images: np.ndarray) -> np.ndarray:
    return np.concatenate([images, 0.8 * images + 9, 0.6 * images], axis=3).astype(np.uint8)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(planted.shifted, id="shifted by a pixel"),
        pytest.param(planted.compressed, id="JPEG of quality 50"),
        pytest.param(planted.brightened, id="5 % brighter"),
    ],
)
@pytest.mark.parametrize(
    "images",
    [
        pytest.param(IMAGES, id="gray"),
        pytest.param(coloured(IMAGES), id="coloured"),
        pytest.param(planted.landscapes(600, seed=1, side=70), id="large"),
    ],
)
def test_copies_of_images_are_found(
    images: np.ndarray, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    changed, pairs = planted.image_copies(images, PARTS, change, count=45)
    copies = near_copies_of_images(changed, PARTS)
    assert copies is not None
    assert found(pairs, copies.pairs) >= 0.9
    assert 0.9 * 45 / 90 <= copies.shares["test"] <= 0.5
    assert copies.shares["val"] == 0
    assert 0.9 * 90 / 600 <= copies.within <= 90 / 600


def test_the_range_of_the_pixels_does_not_matter() -> None:
    changed, _ = planted.image_copies(IMAGES, PARTS, planted.shifted, count=45)
    copies, scaled = (near_copies_of_images(x, PARTS) for x in (changed, changed / 127.5 - 1))
    assert copies is not None
    assert scaled is not None
    assert copies.pairs.tolist() == scaled.pairs.tolist()


def test_a_whole_family_of_copies_is_found() -> None:
    family = IMAGES.copy()
    rows = PARTS["train"][:10]
    family[rows] = [
        np.clip(IMAGES[0] * (1 + 0.01 * k), 0, 255).astype(np.uint8) for k in range(1, 11)
    ]
    copies = near_copies_of_images(family, PARTS)
    assert copies is not None
    assert set(rows) <= set(copies.pairs.ravel())


def test_handwriting_has_look_alikes_and_no_copies() -> None:
    small = (load_digits().images * 15).astype(np.uint8)[..., np.newaxis]
    for images in (small, np.kron(small, np.ones((1, 3, 3, 1), np.uint8))):
        copies = near_copies_of_images(images, planted.random_parts(len(images), seed=0))
        assert copies is not None
        assert max(copies.shares.values()) < 0.005


@pytest.mark.parametrize("seed", [0, 1])
def test_equal_images_are_not_near_copies(seed: int) -> None:
    twice, _ = planted.image_copies(IMAGES, PARTS, lambda image: image, count=45)
    copies = near_copies_of_images(twice, planted.random_parts(600, seed))
    assert copies is not None
    assert (copies.pairs.shape, copies.within) == ((0, 2), 0.0)


def test_a_copy_of_one_of_two_equal_images_counts_for_both() -> None:
    images, (train, val, test) = IMAGES.copy(), (PARTS[n][0] for n in ("train", "val", "test"))
    images[val] = images[test] = planted.shifted(images[train])
    copies = near_copies_of_images(images, PARTS)
    assert copies is not None
    assert copies.shares == {"val": pytest.approx(1 / 90), "test": pytest.approx(1 / 90)}
    assert copies.within == pytest.approx(3 / 600)


@pytest.mark.parametrize(
    "images",
    [
        pytest.param(IMAGES[:5], id="five"),
        pytest.param(np.zeros((600, 28, 28, 1)), id="all black"),
        pytest.param(np.zeros((600, 2, 2, 1)), id="of four pixels"),
    ],
)
def test_copies_of_images_that_cannot_be_told(images: np.ndarray) -> None:
    parts = {name: rows[rows < len(images)] for name, rows in PARTS.items()}
    assert near_copies_of_images(images, parts) is None


def test_black_images_and_gaps_are_no_copies_of_anything() -> None:
    images = IMAGES.astype(np.float32)
    images[:50] = np.nan
    images[50:100] = 7
    copies = near_copies_of_images(images, PARTS)
    assert copies is not None
    assert len(copies.pairs) == 0


TABLES = [load_breast_cancer, load_diabetes, load_digits, load_wine]
SAME = np.zeros(2000, np.int64)


@pytest.mark.parametrize("load", TABLES, ids=lambda load: load.__name__[5:])
def test_rows_with_a_little_noise_are_found_and_clean_ones_are_not(
    load: Callable[..., tuple[np.ndarray, np.ndarray]],
) -> None:
    numbers, _ = load(return_X_y=True)
    others = SAME[: len(numbers)]
    parts = planted.random_parts(len(numbers), seed=0)
    clean = near_copies_of_rows(numbers, others, parts)
    assert clean is not None
    assert max(clean.shares.values()) == 0
    changed, pairs = planted.row_copies(numbers, parts, count=20, seed=0)
    copies = near_copies_of_rows(changed, others, parts)
    assert copies is not None
    assert found(pairs, copies.pairs) >= 0.9
    assert copies.shares["test"] >= 0.9 * 20 / len(parts["test"])


RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(600, 10))


def test_copies_are_equal_in_every_other_column_and_in_their_gaps() -> None:
    changed, pairs = planted.row_copies(NUMBERS, PARTS, count=30, seed=0)
    others = np.zeros(600, np.int64)
    others[pairs[:10, 1]] = 1  # another word
    changed[pairs[10:20, 1], 0] = np.nan  # a gap that the original has not
    changed[pairs[20:].ravel(), 0] = np.nan
    copies = near_copies_of_rows(changed, others, PARTS)
    assert copies is not None
    assert found(pairs[:20], copies.pairs) == 0
    assert found(pairs[20:], copies.pairs) == 1


def test_what_differs_in_the_last_digit_of_one_column_was_measured_twice() -> None:
    changed, pairs = NUMBERS.copy(), np.stack([PARTS["train"][:30], PARTS["test"][:30]], axis=1)
    changed[pairs[:, 1]] = changed[pairs[:, 0]]
    changed[pairs[:, 1], 3] += 0.01
    copies = near_copies_of_rows(changed, SAME[:600], PARTS)
    assert copies is not None
    assert len(copies.pairs) == 0


def test_one_column_that_differs_makes_another_row() -> None:
    changed, pairs = planted.row_copies(NUMBERS, PARTS, count=30, seed=0)
    changed[pairs[:, 1], 3] += 0.5
    copies = near_copies_of_rows(changed, SAME[:600], PARTS)
    assert copies is not None
    assert len(copies.pairs) == 0


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(load_iris(return_X_y=True)[0], id="four columns"),
        pytest.param(RNG.poisson(0.2, (600, 20)).astype(float), id="counts that are mostly 0"),
        pytest.param(np.full((600, 20), np.nan), id="nothing but gaps"),
        pytest.param(np.ones((600, 20)), id="constants"),
        pytest.param(NUMBERS[:6], id="six rows"),
        pytest.param(RNG.random((600, 1)) * np.ones(20), id="one quantity in twenty units"),
        pytest.param(np.zeros((600, 0)), id="no numeric column"),
    ],
)
def test_copies_of_rows_that_cannot_be_told(numbers: np.ndarray) -> None:
    parts = planted.random_parts(len(numbers), seed=0)
    assert near_copies_of_rows(numbers, SAME[: len(numbers)], parts) is None


def test_wide_rows_are_searched_in_fewer_dimensions() -> None:
    wide = RNG.normal(size=(600, 200))
    changed, pairs = planted.row_copies(wide, PARTS, count=30, seed=0)
    copies = near_copies_of_rows(changed, SAME[:600], PARTS)
    assert copies is not None
    assert found(pairs, copies.pairs) == 1
    assert len(copies.pairs) == 30
