"""From a config to an uncompiled `keras.Model`."""

from recipe.models.build import HEAD, build, prior_bias

__all__ = ["HEAD", "build", "prior_bias"]
