"""Is one config better than another? The same seeds for both, an interval, and a plain answer."""

from recipe.compare.paired import Comparison, paired, resolution_of
from recipe.compare.power import gain_found, seeds_needed
from recipe.compare.resample import bootstrap, ends, resampled
from recipe.compare.seeds import Scored, score_seed, score_seeds
from recipe.compare.sequential import Looks

__all__ = [
    "Comparison",
    "Looks",
    "Scored",
    "bootstrap",
    "ends",
    "gain_found",
    "paired",
    "resampled",
    "resolution_of",
    "score_seed",
    "score_seeds",
    "seeds_needed",
]
