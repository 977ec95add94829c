"""KerasTuner behind "a trial is a Config": the only package that imports keras_tuner."""

from recipe.search.space import space_of
from recipe.search.study import Trial, run_study

__all__ = ["Trial", "run_study", "space_of"]
