"""What stands between a table's features and the body of a net: an embedding, a scale for each.

All in layers of Keras: a saved net loads where this package is not.
"""

from __future__ import annotations

import math

import keras
from keras import ops

from recipe.config import ModelConfig, RequestError


def before_body(x: keras.KerasTensor, config: ModelConfig, numbers: int) -> keras.KerasTensor:
    """The features as the body reads them.

    Args:
        x: (batch, features), or images where neither key is set.
        config: `embedding`, `periodic` and `feature_scale` are used.
        numbers: how many features, the first ones, are numbers.

    Raises:
        RequestError: these are images, or a table without a number to embed.
    """
    for key, is_set in (("embedding", config.embedding != "none"),
                        ("feature_scale", config.feature_scale)):  # fmt: skip
        if is_set and len(x.shape) != 2:
            raise RequestError(
                f"model.{key}: is for tables, got examples of shape {x.shape[1:]}; leave it out"
            )
    if config.embedding == "periodic":
        if not numbers:
            raise RequestError(
                "model.embedding: the table has no column of numbers to embed; write none"
            )
        x = _periodic(x, config, numbers)
    return _scaled(x) if config.feature_scale else x


def _periodic(x: keras.KerasTensor, config: ModelConfig, numbers: int) -> keras.KerasTensor:
    """Each number, and a dense layer of its own over cosines of it; then the other features.

    A ReLU net learns slowly what changes quickly with a number; a cosine of a drawn frequency
    changes as quickly as that. Source: Gorishniy et al. 2022, "On Embeddings for Numerical
    Features in Tabular Deep Learning"; with phases in place of sines, without a second
    activation and with the number itself beside it, as in Holzmüller et al. 2024, "Better by
    Default", whose sizes and std are the defaults.
    """
    features, given = x.shape[-1], config.periodic
    number = x if numbers == features else x[:, :numbers]
    angles = keras.layers.EinsumDense(
        "bnk,nkf->bnf",
        (numbers, given.frequencies),
        bias_axes="nf",
        kernel_initializer=keras.initializers.RandomNormal(stddev=2 * math.pi * given.std),
        bias_initializer=keras.initializers.RandomUniform(-math.pi, math.pi),
        name="periodic_angles",
    )(keras.layers.Reshape((numbers, 1), name="periodic_numbers")(number))
    reach = 1 / math.sqrt(given.frequencies)
    mixed = keras.layers.EinsumDense(
        "bnf,nfs->bns",
        (numbers, given.size),
        bias_axes="ns",
        # of each number's own inputs; Keras's would count the numbers among them
        kernel_initializer=keras.initializers.RandomUniform(-reach, reach),
        bias_initializer=keras.initializers.RandomUniform(-reach, reach),
        name="periodic_mixed",
    )(ops.cos(angles))
    parts = [number, keras.layers.Flatten(name="periodic_flat")(mixed)]
    if numbers < features:
        parts.append(x[:, numbers:])
    return keras.layers.Concatenate(name="periodic")(parts)


def _scaled(x: keras.KerasTensor) -> keras.KerasTensor:
    """Each feature times a factor that is learnt (Holzmüller et al. 2024, scaling layer).

    A net can so turn features up and down that matter more or less, one weight for each.
    """
    return keras.layers.EinsumDense(
        "bf,f->bf", x.shape[-1], kernel_initializer="ones", name="feature_scale"
    )(x)
