"""The doctor: why does this model not learn? For any compiled `keras.Model`."""

from recipe.doctor.diagnosis import Diagnosis, Named, diagnose
from recipe.doctor.monitor import Monitor
from recipe.doctor.repair import Repair, Repaired

__all__ = ["Diagnosis", "Monitor", "Named", "Repair", "Repaired", "diagnose"]
