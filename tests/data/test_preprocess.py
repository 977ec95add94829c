"""A table as the net sees it: learnt on train alone, the same before training and in the export."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import RobustScaler, StandardScaler

from recipe.config import RequestError
from recipe.data.columns import Column, Kind, infer
from recipe.data.preprocess import CATEGORIES, TableFeatures, learn_table

RNG = np.random.default_rng(0)
EXAMPLES = 300
TABLE = pd.DataFrame(
    {
        "size": RNG.normal(1e6, 3.0, EXAMPLES),
        "rooms": np.where(np.arange(EXAMPLES) % 10 == 0, np.nan, RNG.integers(1, 9, EXAMPLES)),
        "town": RNG.choice(["Basel", "Bern", "Biel"], EXAMPLES, p=[0.6, 0.3, 0.1]),
        "built": pd.Series(pd.date_range("1990-01-01", periods=EXAMPLES, freq="D")).astype(str),
        "said": [f"a house near {w} with {v}" for w, v in
                 zip(RNG.choice(["lake", "wood", "road"], EXAMPLES), map(str, range(EXAMPLES)),
                     strict=True)],
    }
)  # fmt: skip
KINDS = {"size": "numeric", "rooms": "numeric", "town": "category", "built": "date", "said": "text"}


def learnt(table: pd.DataFrame, scaling: str = "standardize", impute: bool = True) -> TableFeatures:
    given = {name: KINDS[name] for name in table.columns}
    return learn_table(table, infer(table, given), scaling, impute)


def column(features: TableFeatures, x: np.ndarray, name: str) -> np.ndarray:
    return x[:, features.names.index(name)]


def test_every_feature_says_what_it_is_and_where_it_stems_from() -> None:
    features = learnt(TABLE)
    x = features.apply(TABLE)
    assert x.shape == (EXAMPLES, len(features.names))
    assert x.dtype == np.float32
    assert set(features.origin) == set(TABLE.columns)
    assert features.names[:4] == ("size", "rooms", "built", "rooms is missing")
    assert features.numbers == 3
    assert "town = Basel" in features.names
    assert "said: lake" in features.names


def test_numbers_are_standardized_as_scikit_learn_does() -> None:
    features = learnt(TABLE[["size"]])
    expected = StandardScaler().fit_transform(TABLE[["size"]])
    np.testing.assert_allclose(features.apply(TABLE), expected, rtol=1e-5, atol=1e-5)


def test_robust_scaling_is_scikit_learns_drawn_in_smoothly() -> None:
    far = TABLE[["size"]].copy()
    far.iloc[0] = 1e9
    features = learnt(far, "robust")
    z = RobustScaler().fit_transform(far)
    x = features.apply(far)
    np.testing.assert_allclose(x, z / np.sqrt(1 + (z / 3) ** 2), rtol=1e-4, atol=1e-4)
    assert x.max() <= 3


@pytest.mark.parametrize("scaling", ["none", "standardize", "robust"])
def test_a_number_that_hardly_varies_is_not_blown_up(scaling: str) -> None:
    table = pd.DataFrame({"size": [5.0] * 99 + [6.0], "rooms": [0.1] * 100})
    x = learnt(table, scaling).apply(table)
    assert np.isfinite(x).all()
    assert np.abs(x).max() < 20


@pytest.mark.parametrize("scaling", ["standardize", "robust"])
def test_a_number_that_never_varied_in_train_says_nothing_later(scaling: str) -> None:
    columns = {"a": Column("a", Kind.NUMERIC, ""), "b": Column("b", Kind.NUMERIC, "")}
    train = pd.DataFrame({"a": [7.0] * 9, "b": np.arange(9.0)})
    later = pd.DataFrame({"a": [4080.0], "b": [4.0]})
    features = learn_table(train, columns, scaling, True)
    np.testing.assert_array_equal(features.apply(later), [[0.0, 0.0]])


def test_a_missing_number_is_the_median_of_train_and_says_that_it_was_missing() -> None:
    features = learnt(TABLE)
    x = features.apply(TABLE)
    gap = TABLE["rooms"].isna().to_numpy()
    filled = TABLE.assign(rooms=TABLE["rooms"].fillna(TABLE["rooms"].median()))
    np.testing.assert_array_equal(
        column(features, x, "rooms"), column(features, features.apply(filled), "rooms")
    )
    np.testing.assert_array_equal(column(features, x, "rooms is missing"), gap)


def test_a_number_that_is_missing_only_later_is_the_median_too() -> None:
    features = learnt(TABLE[["size"]])
    later = pd.DataFrame({"size": [np.nan, np.inf, float(TABLE["size"].median())]})
    x = features.apply(later)
    assert x[0, 0] == x[1, 0] == x[2, 0]


def test_kept_gaps_stay_gaps() -> None:
    features = learnt(TABLE, impute=False)
    x = features.apply(TABLE)
    assert np.isnan(column(features, x, "rooms")).sum() == TABLE["rooms"].isna().sum()
    assert "rooms is missing" not in features.names


def test_a_category_is_one_hot_and_a_new_value_has_a_place_of_its_own() -> None:
    features = learnt(TABLE[["town"]])
    x = features.apply(pd.DataFrame({"town": ["Bern", "Basel", "Chur", None]}))
    assert features.names == ("town = (new or rare)", "town = Basel", "town = Bern", "town = Biel")
    assert x.tolist() == [[0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]


def test_a_missing_category_is_a_value_where_train_has_it() -> None:
    table = pd.DataFrame({"town": ["Bern", None, "Bern"]})
    features = learnt(table)
    assert features.names[1:] == ("town = Bern", "town = (missing)")
    assert features.apply(table).tolist() == [[0, 1, 0], [0, 0, 1], [0, 1, 0]]


def test_of_many_values_the_rare_ones_share_a_place() -> None:
    towns = [f"town {i}" for i in range(CATEGORIES + 50) for _ in range(2 if i < CATEGORIES else 1)]
    table = pd.DataFrame({"town": towns})
    features = learnt(table)
    x = features.apply(table)
    assert x.shape[1] == CATEGORIES + 1
    assert x[:, 0].sum() == 50


def test_text_is_tf_idf_as_scikit_learn_weighs_it_but_for_its_smoothing() -> None:
    table = TABLE[["said"]]
    features = learnt(table)
    x = features.apply(table)
    np.testing.assert_allclose((x**2).mean(axis=1), 1, rtol=1e-5)
    words = ["lake", "wood", "road", "house"]
    theirs = TfidfVectorizer(token_pattern=r"\S+", norm=None)
    weights = theirs.fit(table["said"])
    idf = {word: weights.idf_[weights.vocabulary_[word]] for word in words}
    for word in words[:3]:
        row = table["said"].str.contains(word).to_numpy().argmax()
        ratio = column(features, x, f"said: {word}")[row] / column(features, x, "said: house")[row]
        assert ratio > 1
        assert idf[word] > idf["house"]


def test_an_unknown_word_and_an_empty_text_do_no_harm() -> None:
    features = learnt(TABLE[["said"]])
    x = features.apply(pd.DataFrame({"said": ["zzz qqq", "", None]}))
    assert np.isfinite(x).all()
    assert x[1].sum() == x[2].sum() == 0


@pytest.mark.parametrize("scaling", ["standardize", "robust"])
def test_nothing_is_learnt_beyond_train(scaling: str) -> None:
    train, other = TABLE[:200], TABLE[200:].copy()
    features = learnt(train, scaling)
    before = features.apply(train)
    other["size"] *= 1000
    other["town"] = "Chur"
    features.apply(other)
    np.testing.assert_array_equal(features.apply(train), before)
    np.testing.assert_array_equal(learnt(train, scaling).apply(train), before)


def test_raw_rows_give_what_training_saw_in_another_process_without_this_package(
    tmp_path: Path,
) -> None:
    features = learnt(TABLE, "robust")
    inputs, output = features.layers()
    keras.Model(inputs, output).save(tmp_path / "features.keras")
    raw = {name: value.tolist() for name, value in features.inputs(TABLE).items()}
    np.savez(tmp_path / "raw.npz", **{n: np.array(v) for n, v in raw.items()})
    code = (
        "import sys, numpy as np, keras, tensorflow as tf\n"
        "model = keras.models.load_model('features.keras')\n"
        "raw = {n: tf.constant(v.tolist(), tf.float64 if v.dtype.kind == 'f' else tf.string)\n"
        "       for n, v in np.load('raw.npz').items()}\n"
        "np.save('seen.npy', model(raw).numpy())\n"
        "assert not any(name.startswith('recipe') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_array_equal(np.load(tmp_path / "seen.npy"), features.apply(TABLE))


@pytest.mark.parametrize(
    "value",
    [pytest.param(float("nan"), id="empty"), pytest.param(7, id="constant")],
)
def test_a_table_of_nothing_is_refused_with_the_reason_of_each_column(value: Any) -> None:
    table = pd.DataFrame({"a": [value] * 9})
    dropped = {"a": Column("a", Kind.DROP, "it is the same everywhere")}
    with pytest.raises(RequestError, match=r"no column is left to learn from \(a: it is the same"):
        learn_table(table, dropped, "auto", True)
