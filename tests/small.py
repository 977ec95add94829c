"""The recipe at the smallest budget that still does everything, as `--set` options."""

SETTINGS = (
    "train.epochs=3",
    "stages.baseline.epochs=8",
    "stages.baseline.min_steps=100",
    "stages.baseline.seeds=2",
    "stages.baseline.size_steps=40",
    "stages.overfit.range_steps=50",
    "stages.regularize.trainings=18",
    "stages.regularize.seeds=2",
    "stages.regularize.rates=1",
    "stages.regularize.data_trainings=5",
    "search.max_trials=2",
    "stages.tune.seeds=2",
    "stages.squeeze.members=2",
    "stages.squeeze.resamples=200",
)

SMALL = tuple(part for setting in SETTINGS for part in ("--set", setting))
