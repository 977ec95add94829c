"""Sources, splits, features: from a config to a Dataset."""

from recipe.data.dataset import Dataset, Split, load

__all__ = ["Dataset", "Split", "load"]
