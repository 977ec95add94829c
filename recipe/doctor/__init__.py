"""The doctor: why does this model not learn? For any compiled `keras.Model`."""

from recipe.doctor.diagnosis import Diagnosis, Named, diagnose
from recipe.doctor.monitor import Monitor

__all__ = ["Diagnosis", "Monitor", "Named", "diagnose"]
