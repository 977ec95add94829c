"""Thresholds, seeds and budgets of stages and experiments: what decides a number is set here."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, PositiveInt, model_validator

from recipe.config.fields import Fraction, Positive, Section, SeedCount


class DataStage(Section):
    """Thresholds of the data stage."""

    min_examples: PositiveInt = 50
    """Fewer examples than this can't be divided in three and trusted."""

    shared: Fraction = 0.005
    """Fraction of val or test with a near copy in train from which it warns (row 1.2)."""

    max_shared: Fraction = 0.5
    """The same, from which it fails."""

    imbalance: Annotated[float, Field(gt=1)] = 10.0
    """Largest class over smallest class from which it warns (checklist row 1.4)."""


class BaselineStage(Section):
    """Thresholds and budget of the baseline stage."""

    learning_rate: Positive = 1e-3
    """Adam's rate in this stage, which tests the pipeline and not your optimizer."""

    epochs: PositiveInt = 20
    """Epochs of each of the nets on real, zeroed and permuted inputs."""

    min_steps: PositiveInt = 500
    """Steps of each of these nets at least: on few examples, more epochs."""

    batch: Annotated[int, Field(ge=2)] = 16
    """Examples in the one batch that must be memorized."""

    steps: PositiveInt = 1000
    """Steps in which it must be memorized."""

    init_tolerance: Positive = 0.01
    """Allowed relative difference between the loss of a zeroed head and the prior's loss."""

    gain: Positive = 0.05
    """By how much real inputs must beat zeroed and permuted ones, relative to their loss."""

    seeds: SeedCount = 3
    """Trainings of each width, the same seeds for all: more capacity must not fit worse."""

    size_steps: PositiveInt = 200
    """Steps of each of them."""


class OverfitStage(Section):
    """Target and budget of the overfit stage."""

    examples: PositiveInt = 2000
    """Training examples to drive to the floor (all, if there are fewer)."""

    accuracy: Fraction = 0.99
    """Classification passes at this training accuracy, or at the loss below."""

    loss: Positive = 0.05
    """Classification: loss at most this fraction of the label entropy; regression: of Var(y)."""

    steps: PositiveInt = 15_000
    """Steps allowed for each size of net."""

    sizes: PositiveInt = 5
    """Sizes to try: width x1, x2, x4, then one more layer each."""

    range_steps: Annotated[int, Field(ge=50)] = 200
    """Steps of each of the two range tests that the config's learning rate is compared with."""


class RegularizeStage(Section):
    """Seeds and budget of the regularize stage."""

    trainings: PositiveInt = 90
    """In all, at most. They go to the noise floor, to a first look at every rung, to learning
    rates, to the comparisons, to cocktails and to the confirmation; fewer try fewer rungs."""

    seeds: SeedCount = 5
    """Trainings of each side of a comparison, the same seeds for both."""

    rates: Annotated[int, Field(ge=1, le=5)] = 3
    """Learning rates tried with a rung before it is compared, and as many with the incumbent."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of the interval that must leave zero out before a rung counts as better."""

    data_trainings: Annotated[int, Field(ge=0)] = 15
    """Beside those: trainings on five parts of the examples, as many on each, to forecast what
    twice as many examples would bring. Below 5: no forecast."""

    @model_validator(mode="after")
    def _is_enough_for_a_rung(self) -> Self:
        least = 6 * self.seeds + 3 * self.rates
        if self.trainings < least:
            raise ValueError(
                f"trainings must be at least {least} with {self.seeds} seeds and {self.rates} "
                "rates, for a single rung"
            )
        return self


class TuneStage(Section):
    """Gate and confirmation of the tune stage."""

    seeds: SeedCount = 5
    """Fresh seeds on which the winner must beat the incumbent."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of the interval that must leave zero out before the winner replaces the incumbent."""

    infeasible: Fraction = 0.5
    """Largest fraction of trials that may diverge."""


class SqueezeStage(Section):
    """Members, budget and resamples of the squeeze stage."""

    members: SeedCount = 5
    """Nets of the ensemble, one seed each."""

    longer: Annotated[float, Field(gt=1)] = 2.0
    """Times the epochs for "leave it training"."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of every interval in this stage, the test score's too."""

    resamples: PositiveInt = 2000
    """Bootstrap resamples of the test examples."""


class LrFindStage(Section):
    """Range and budget of `recipe lr-find`."""

    low: Positive = 1e-7
    """Learning rate of the range test's first step."""

    high: Positive = 10.0
    """Of its last; it ends earlier where the loss rises to four times its start."""

    steps: Annotated[int, Field(ge=50)] = 400
    """Steps of each range test, and of each training that verifies a rate (to a full epoch)."""

    seeds: SeedCount = 5
    """Range tests, and trainings at each rate that is verified."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of every interval in this experiment."""

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.high < 100 * self.low:
            raise ValueError("high must be at least 100 times low")
        return self


class RecalibrateStage(Section):
    """What `recipe recalibrate` is judged by."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of the interval of its gain."""


class DoctorStage(Section):
    """Budget of `recipe doctor`."""

    seconds: Positive = 60.0
    """For trials, beside the one training that the config asks for. What there was no time to try
    is said."""

    apply: bool = False
    """Train with what it prescribes, too, and compare."""

    seeds: SeedCount = 5
    """Trainings on each side of that comparison."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of its interval."""


class CompareStage(Section):
    """Seeds of `recipe compare`, and the gain that matters."""

    seeds: Annotated[int, Field(ge=3, le=200)] = 10
    """Trainings of each config at most; it looks after each from the third on, and ends once it is
    settled."""

    smallest: Positive = 0.01
    """Gain that matters, in the unit of the deciding metric: a point of accuracy or of R2. Smaller
    ones are equivalent."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """With which the intervals of all looks together hold the true difference."""


class LabStage(Section):
    """Budget of the laboratory, `recipe lab`."""

    steps: Annotated[int, Field(ge=20)] = 400
    """Steps of each training."""

    seeds: SeedCount = 5
    """Trainings of everything that is compared, with the same seeds on each side."""

    depth: Annotated[int, Field(ge=4)] = 30
    """Hidden layers of the deepest nets of `recipe lab init`."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of every interval in the laboratory."""


class StagesConfig(Section):
    """Thresholds, seeds and budgets of the stages."""

    data: DataStage = DataStage()
    """Become one with the data."""

    baseline: BaselineStage = BaselineStage()
    """The end-to-end skeleton and dumb baselines."""

    overfit: OverfitStage = OverfitStage()
    """A net large enough to drive the training loss to its floor."""

    regularize: RegularizeStage = RegularizeStage()
    """Give up training loss for validation score, one change at a time."""

    tune: TuneStage = TuneStage()
    """Search the hyperparameters."""

    squeeze: SqueezeStage = SqueezeStage()
    """Ensemble, train longer, and open the test set once."""

    lr_find: LrFindStage = LrFindStage()
    """`recipe lr-find`: a range test, and what it suggests verified. No stage, no gate."""

    doctor: DoctorStage = DoctorStage()
    """`recipe doctor`: why a net does not learn. No stage, no gate."""

    compare: CompareStage = CompareStage()
    """`recipe compare`: is one config better than another? No stage, no gate."""

    recalibrate: RecalibrateStage = RecalibrateStage()
    """`recipe recalibrate`: batch norm's statistics measured anew. No stage, no gate."""

    lab: LabStage = LabStage()
    """`recipe lab`: what batch norm, dropout, initializers, optimizers and norms do to your net. No
    stage, no gate."""
