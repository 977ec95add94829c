"""KerasTuner behind "a trial is a Config": the only package that imports keras_tuner."""

from recipe.search.space import default_space
from recipe.search.study import Trial, run_study

__all__ = ["Trial", "default_space", "run_study"]
