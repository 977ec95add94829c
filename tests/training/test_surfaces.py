"""Losses of two weights: their gradients are SciPy's, and optimizers go down on them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from scipy.optimize import approx_fprime, check_grad

from recipe.training.surfaces import SURFACES, Surface, path


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_gradients_are_those_of_the_loss(surface: Surface) -> None:
    for point in np.random.default_rng(0).uniform(-1.5, 1.5, size=(20, 2)):
        assert check_grad(surface.loss, surface.gradient, point) < 1e-4
        near = approx_fprime(point, surface.loss, 1e-7)
        np.testing.assert_allclose(surface.gradient(point), near, atol=1e-4)


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_the_lowest_points_are_lowest(surface: Surface) -> None:
    around = np.random.default_rng(0).uniform(-1.5, 1.5, size=(200, 2))
    for lowest in surface.lowest:
        assert np.linalg.norm(surface.gradient(np.array(lowest))) < 1e-9
        assert all(surface.loss(point) >= surface.loss(np.array(lowest)) for point in around)


def test_the_saddle_is_one() -> None:
    saddle = next(surface for surface in SURFACES if surface.name == "saddle")
    middle = np.zeros(2)
    assert np.linalg.norm(saddle.gradient(middle)) == 0
    assert saddle.loss(np.array([0.1, 0.0])) > saddle.loss(middle)
    assert saddle.loss(np.array([0.0, 0.1])) < saddle.loss(middle)


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_a_path_is_the_optimizers_own(surface: Surface) -> None:
    walked = path(keras.optimizers.SGD(0.04), surface, 30, 0.0, seed=0)
    expected = np.array(surface.start)
    assert walked.shape == (31, 2)
    for there in walked[1:]:
        expected = expected - 0.04 * surface.gradient(expected)
        np.testing.assert_allclose(there, expected, atol=1e-4)
    assert surface.loss(walked[-1]) < 0.5 * surface.loss(walked[0])


def test_noise_is_that_of_its_seed() -> None:
    made = [path(keras.optimizers.SGD(0.04), SURFACES[0], 5, 0.5, seed) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).any()
