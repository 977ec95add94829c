"""The config: its types, its reader, its text. No Keras, no TensorFlow."""

from recipe.config.changes import SIZES, grown, without_regularization
from recipe.config.errors import ConfigError, RequestError
from recipe.config.fields import Section
from recipe.config.identifiers import KerasObject
from recipe.config.model import ModelConfig
from recipe.config.plugin import load_function
from recipe.config.reader import read
from recipe.config.search import Range
from recipe.config.train import AugmentConfig, TrainConfig
from recipe.config.types import Config, DataConfig, SplitConfig, Task

__all__ = [
    "SIZES",
    "AugmentConfig",
    "Config",
    "ConfigError",
    "DataConfig",
    "KerasObject",
    "ModelConfig",
    "Range",
    "RequestError",
    "Section",
    "SplitConfig",
    "Task",
    "TrainConfig",
    "grown",
    "load_function",
    "read",
    "without_regularization",
]
