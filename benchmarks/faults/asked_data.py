"""The data of programs of the kind that people ask about: small, synthetic, in their own units.

As those of `data.py`, which names them: a function of the seed, and a half for each.
"""

from __future__ import annotations

import numpy as np
from sklearn import datasets

from .rows import Rows, split

# ---- half "tune" --------------------------------------------------------------------------------


def xor(seed: int) -> Rows:
    """700 points around the corners of the unit square: are the two coordinates different?"""
    drawn = np.random.default_rng(seed)
    corner = drawn.integers(0, 2, (700, 2))
    return split(corner + 0.12 * drawn.normal(size=(700, 2)), corner[:, 0] ^ corner[:, 1], seed)


def bits(seed: int) -> Rows:
    """1,000 rows of 8 bits, (examples, 8, 1): is the last one different from the third to last?"""
    drawn = np.random.default_rng(seed)
    rows = drawn.integers(0, 2, (1000, 8))
    return split(rows[..., None], rows[:, -1] ^ rows[:, -3], seed)


def ramp(seed: int) -> Rows:
    """250 points of a line: x from 0 to 200, y around 2 x."""
    drawn = np.random.default_rng(seed)
    x = drawn.uniform(0, 200, (250, 1))
    return split(x, 2 * x[:, 0] + 5 * drawn.normal(size=250), seed)


def powers(seed: int) -> Rows:
    """900 numbers from -100 to 100, and their fourth powers, to 100 million."""
    x = np.random.default_rng(seed).uniform(-100, 100, (900, 1))
    return split(x, x[:, 0] ** 4, seed)


def temperatures(seed: int) -> Rows:
    """Days of 24 hourly temperatures in °C around 1, (examples, 24, 1), and the next hour's.

    In the order of time.
    """
    drawn = np.random.default_rng(seed)
    t = np.arange(1400)
    noise = np.zeros(len(t))
    for hour in range(1, len(t)):
        noise[hour] = 0.8 * noise[hour - 1] + 0.5 * drawn.normal()
    values = 1 + 4 * np.sin(2 * np.pi * t / 24) + 3 * np.sin(2 * np.pi * t / 300) + noise
    windows = np.lib.stride_tricks.sliding_window_view(values, 25).astype("float32")
    x, y = windows[:, :24, None], windows[:, 24]
    return Rows(x[:1000], y[:1000], x[1024:], y[1024:])


def glyphs(seed: int) -> Rows:
    """1,000 scans of 12x12, 0 to 255: square, cross, disc or bar, dark on light or the reverse."""
    drawn = np.random.default_rng(seed)
    kind = drawn.integers(0, 4, 1000)
    images = np.zeros((1000, 12, 12))
    rows, columns = np.mgrid[:12, :12]
    for image, k in zip(images, kind, strict=True):
        down, across = rows - drawn.integers(4, 8), columns - drawn.integers(4, 8)
        far = np.maximum(abs(down), abs(across))
        shape = (far == 3, (far <= 3) & (abs(down) == abs(across)), down**2 + across**2 <= 8,
                 (far <= 3) & (abs(down) <= 1))[k]  # fmt: skip
        image[shape] = 1
    contrast = drawn.uniform(0.4, 0.8, 1000) * drawn.choice([-1, 1], 1000)
    images = 0.5 + (images - 0.5) * contrast[:, None, None]
    images = np.clip(images + 0.06 * drawn.normal(size=images.shape), 0, 1) * 255
    return split(images.round()[..., None], kind, seed)


def cells(seed: int) -> Rows:
    """500 images of 12x12, 0 to 1, of one to three bright discs; each of 144 pixels: in a disc?"""
    drawn = np.random.default_rng(seed)
    rows, columns = np.mgrid[:12, :12]
    masks = np.zeros((500, 12, 12), int)
    for mask in masks:
        for _ in range(drawn.integers(1, 4)):
            a, b, radius = *drawn.integers(1, 11, 2), drawn.uniform(1.2, 2.8)
            mask[(rows - a) ** 2 + (columns - b) ** 2 <= radius**2] = 1
    light = drawn.uniform(0.1, 0.4, (500, 1, 1)) + 0.35 * masks
    images = np.clip(light + 0.08 * drawn.normal(size=masks.shape), 0, 1)
    return split(images[..., None], masks.reshape(500, 144), seed)


def meters(seed: int) -> Rows:
    """2,400 readings of 8 meters in their own units; two targets: state 0 to 2, alarm (1 in 25)."""
    drawn = np.random.default_rng(seed)
    z = drawn.normal(size=(2400, 8))
    state = np.stack([z[:, 0] + z[:, 1], z[:, 2] * z[:, 3] + 0.3, z[:, 4] - z[:, 0]]).argmax(axis=0)
    pressure = z[:, 5] ** 2 + z[:, 6] ** 2 + 0.5 * z[:, 0] + 1.5 * drawn.normal(size=2400)
    alarm = pressure > np.quantile(pressure, 0.96)
    units = np.array([230, 50, 12, 900, 1.2, 350, 4, 0.02])
    x = units * (1 + 0.1 * z)
    return split(x, np.stack([state, alarm], axis=1).astype(int), seed, test=0.4)


def cars(seed: int) -> Rows:
    """1,000 used cars: brand (0 to 11), year, kilometres, power in kW; price in euros."""
    drawn = np.random.default_rng(seed)
    brand, year = drawn.integers(0, 12, 1000), drawn.integers(2002, 2024, 1000)
    worth = np.random.default_rng(7).normal(0, 0.4, 12)  # the brands are the same for every seed
    km = (2024 - year) * drawn.uniform(5_000, 25_000, 1000)
    power = drawn.uniform(45, 220, 1000)
    price = np.exp(9.3 + worth[brand] + 0.006 * power - 0.07 * (2024 - year) - km / 400_000
                   + 0.1 * drawn.normal(size=1000))  # fmt: skip
    return split(np.stack([brand, year, km, power], axis=1), price.round(), seed)


def ratings(seed: int) -> Rows:
    """3,000 ratings: user (0 to 49), film (0 to 39); 1 to 5 stars."""
    drawn = np.random.default_rng(seed)
    users, films = drawn.normal(size=(50, 2)), drawn.normal(size=(40, 2))
    pairs = np.stack([drawn.integers(0, 50, 3000), drawn.integers(0, 40, 3000)], axis=1)
    liked = (users[pairs[:, 0]] * films[pairs[:, 1]]).sum(axis=1) + 0.2 * drawn.normal(size=3000)
    return split(pairs, np.digitize(liked, [-1.2, -0.4, 0.4, 1.2]) + 1, seed)


def spelling(seed: int) -> Rows:
    """900 words of 7 to 12 letters, ids 1 to 20, then zeros, (examples, 12); 0 or 1 per letter.

    1 for a letter above 10 between two that are below: it takes both neighbours to know.
    """
    drawn = np.random.default_rng(seed)
    words = drawn.integers(1, 21, (900, 12))
    words[np.arange(12) >= drawn.integers(7, 13, (900, 1))] = 0
    low = np.pad((words > 0) & (words <= 10), ((0, 0), (1, 1)))
    return split(words, ((words > 10) & low[:, :-2] & low[:, 2:]).astype(int), seed)


# ---- half "report" ------------------------------------------------------------------------------


def spirals(seed: int) -> Rows:
    """1,000 points of two spirals around each other."""
    drawn = np.random.default_rng(seed)
    arm, turn = drawn.integers(0, 2, 1000), drawn.uniform(0.25, 1.0, 1000)
    angle = 3 * np.pi * turn + np.pi * arm
    points = (2 * turn)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return split(points + 0.06 * drawn.normal(size=points.shape), arm, seed)


def prices(seed: int) -> Rows:
    """A share in dollars, around 180: windows of 16 days, (examples, 16, 1), and the day after."""
    drawn = np.random.default_rng(seed)
    t = np.arange(1300)
    values = 180 + 25 * np.sin(t / 9) + 12 * np.sin(t / 23 + 2) + 3 * drawn.normal(size=len(t))
    windows = np.lib.stride_tricks.sliding_window_view(values, 17).astype("float32")
    x, y = windows[:, :16, None], windows[:, 16]
    return Rows(x[:900], y[:900], x[916:], y[916:])


def colonies(seed: int) -> Rows:
    """900 photographs of 14x14, 0 to 1, of one to four round colonies: how many, less one?"""
    drawn = np.random.default_rng(seed)
    count = drawn.integers(0, 4, 900)
    rows, columns = np.mgrid[:14, :14]
    images = np.zeros((900, 14, 14))
    for image, few in zip(images, count, strict=True):
        for place in drawn.permutation(9)[: few + 1]:
            a, b = 2.5 + 4.5 * (place // 3), 2.5 + 4.5 * (place % 3)
            a, b = a + drawn.uniform(-0.5, 0.5), b + drawn.uniform(-0.5, 0.5)
            image[(rows - a) ** 2 + (columns - b) ** 2 <= drawn.uniform(1.3, 2.0)] = 1
    images = 0.2 + images * drawn.uniform(0.4, 0.7, (900, 1, 1))
    images = np.clip(images + 0.05 * drawn.normal(size=images.shape), 0, 1)
    return split(images[..., None], count, seed)


def motions(seed: int) -> Rows:
    """900 recordings of 40 steps of four channels, (examples, 40, 4); two targets.

    Which of three ways to walk, and whether something is carried.
    """
    drawn = np.random.default_rng(seed)
    way, carried = drawn.integers(0, 3, 900), drawn.integers(0, 2, 900)
    t = np.arange(40)
    phase = drawn.uniform(0, 2 * np.pi, (900, 1))
    swing = np.sin(np.array([0.35, 0.7, 1.1])[way][:, None] * t + phase)
    bounce = np.sin(2.2 * t + 2 * phase) * (0.3 + 0.9 * carried[:, None])
    x = np.stack([swing, np.roll(swing, 3, axis=1) * 0.5, bounce, 0.2 * swing + bounce], axis=-1)
    x += 0.5 * drawn.normal(size=x.shape)
    return split(x, np.stack([way, carried], axis=1), seed)


def grammar(seed: int) -> Rows:
    """1,200 sentences of 14 token ids below 60: does token 1 come before token 2?"""
    drawn = np.random.default_rng(seed)
    tokens = drawn.integers(3, 60, (1200, 14))
    first = drawn.integers(0, 2, 1200)
    for row, in_order in zip(tokens, first, strict=True):
        row[np.sort(drawn.permutation(14)[:2])] = (1, 2) if in_order else (2, 1)
    return split(tokens, first, seed)


def loans(seed: int) -> Rows:
    """2,400 loans: income, sum, months, rate (a fraction), age, dependants; one in 16 defaults."""
    drawn = np.random.default_rng(seed)
    z = drawn.normal(size=(2400, 5))
    risk = 1.2 * z[:, 1] - 1.3 * z[:, 0] + abs(z[:, 3]) + 0.8 * z[:, 4]
    risk += 1.5 * drawn.normal(size=2400)
    x = np.stack(
        [np.exp(10.6 + 0.4 * z[:, 0]), np.exp(9.5 + 0.6 * z[:, 1]), 36 + 12 * (z[:, 2] > 0),
         0.04 + 0.01 * z[:, 3], 40 + 11 * z[:, 4], drawn.integers(0, 5, 2400)], axis=1,
    )  # fmt: skip
    return split(x, (risk > np.quantile(risk, 15 / 16)).astype(int), seed, test=0.5)


def rain(seed: int) -> Rows:
    """1,500 days: humidity, pressure, wind and two of the season; millimetres, half of them 0."""
    drawn = np.random.default_rng(seed)
    humidity, pressure, wind = drawn.normal(size=(3, 1500))
    season = drawn.uniform(0, 2 * np.pi, 1500)
    wet = 1.5 * humidity - pressure + 0.6 * np.cos(season) + 0.5 * wind * humidity
    millimetres = np.maximum(0, 4 * wet + drawn.normal(size=1500)).round(1)
    x = np.stack([humidity, pressure, wind, np.sin(season), np.cos(season)], axis=1)
    return split(x, millimetres, seed)


def chirp(seed: int) -> Rows:
    """800 points of a sound that climbs: x from 0 to 1, five to twenty swings a second."""
    drawn = np.random.default_rng(seed)
    x = drawn.uniform(0, 1, (800, 1))
    y = np.sin(2 * np.pi * (5 * x + 7 * x**2))[:, 0]
    return split(x, y + 0.1 * drawn.normal(size=800), seed)


def quantiles(seed: int) -> Rows:
    """1,000 points of five Gaussian features: in the inner, the middle or the outer shell?"""
    return split(
        *datasets.make_gaussian_quantiles(
            n_samples=1000, n_features=5, n_classes=3, random_state=seed
        ),
        seed,
    )
