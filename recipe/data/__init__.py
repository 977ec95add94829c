"""Sources, splits, scaling: from a config to a Dataset. No Keras, no TensorFlow."""

from recipe.data.dataset import Dataset, Split, load

__all__ = ["Dataset", "Split", "load"]
