"""The run folder and all that is written into it."""

from recipe.runs.folder import RunFolder

__all__ = ["RunFolder"]
