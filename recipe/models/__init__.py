"""From a config to an uncompiled `keras.Model`."""

from recipe.models.application import PREPARED, preprocessing, unfreeze
from recipe.models.build import HEAD, build, prior_bias

__all__ = ["HEAD", "PREPARED", "build", "preprocessing", "prior_bias", "unfreeze"]
