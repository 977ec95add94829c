"""Options that make no sense together: each rule with what breaks it, and what just does not."""

from typing import Any

import pytest

from recipe.checks.options import RULES, check_options
from recipe.config import Config, Task
from recipe.findings import Finding, Verdict

PASS, WARN, FAIL = Verdict.PASS, Verdict.WARN, Verdict.FAIL
SGD = {"class_name": "SGD", "config": {"momentum": 0.9}}
BATCH = {"model.norm": "batch"}
DROPPED = {**BATCH, "model.dropout": 0.3}


def asked(changes: dict[str, Any], **given: Any) -> list[Finding]:
    """What is said of a config on a thousand examples with ten classes, if nothing is given."""
    about = {"task": Task.MULTICLASS, "examples": 1024, "classes": 10, "features": 64} | given
    return check_options(Config().replace(changes), **about)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="the defaults"),
        pytest.param({"model.family": "cnn", **DROPPED}, id="convolutions, batch norm, dropout"),
        pytest.param({"model.activation": "tanh"}, id="tanh"),
        pytest.param({"model.activation": "selu"}, id="selu"),
        pytest.param({"model.norm": "layer", "train.batch_size": 1}, id="layer norm, one example"),
        pytest.param({**BATCH, "train.batch_size": 16}, id="batch norm of 16"),
        pytest.param({"model.widths": (64,) * 40}, id="forty layers by auto"),
        pytest.param({"model.dropout": 0.5}, id="half of the units dropped"),
        pytest.param({"model.l2": 1e-4, "train.optimizer": "sgd", "train.learning_rate": 0.1},
                     id="L2 under SGD"),
        pytest.param({"train.weight_decay": 0.1}, id="decay under Adam"),
        pytest.param({"train.optimizer": SGD, "train.learning_rate": 0.1}, id="momentum at .1"),
        pytest.param({"train.optimizer": "lion", "train.learning_rate": 1e-6}, id="a rate of lion"),
        pytest.param({"train.clipnorm": 1.0, "model.max_norm": 3.0}, id="clipped and cut"),
        pytest.param({"model.noise.input": 0.1, "train.mixup": 0.2}, id="noise and mixup"),
        pytest.param({**BATCH, "model.norm_momentum": 0.99}, id="a momentum, made up for"),
        pytest.param({"train.batch_size": "full", "train.epochs": 100}, id="gradient descent"),
        pytest.param({"train.ema": 0.99}, id="averaged weights"),
        pytest.param({"model.family": "layers", "model.layers": ("Flatten", "BatchNormalization",
                                                                  "Dropout")}, id="a list"),
    ],
)  # fmt: skip
def test_sound_options_give_one_finding_that_says_so(changes: dict[str, Any]) -> None:
    (finding,) = asked(changes)
    assert (finding.check, finding.verdict, finding.measured) == ("options", PASS, 0)


SICK = [
    # initializers and activations
    pytest.param({"model.kernel_initializer": "zeros"}, "equal_units", FAIL, "bad_init",
                 id="zeros"),
    pytest.param({"model.kernel_initializer": {"class_name": "Constant", "config": {"value": 0.1}}},
                 "equal_units", FAIL, "bad_init", id="a constant"),
    pytest.param({"model.kernel_initializer": "glorot_uniform", "model.widths": (32,) * 30},
                 "initial_signal", WARN, "bad_init", id="Glorot before thirty ReLU layers"),
    pytest.param({"model.kernel_initializer": "random_normal", "model.widths": (2048,) * 10},
                 "initial_signal", WARN, "bad_init", id="Keras's normal in a wide net"),
    pytest.param({"model.kernel_initializer": "uniform_fan_in", "model.widths": (64,) * 6,
                  "model.activation": "tanh"}, "initial_signal", WARN, "bad_init",
                 id="the course's uniform before tanh"),
    pytest.param({"model.kernel_initializer": "he_normal", "model.activation": "tanh"},
                 "initializer_fits", PASS, "bad_init", id="He with tanh"),
    pytest.param({"model.kernel_initializer": "glorot_uniform"},
                 "initializer_fits", PASS, "bad_init", id="Glorot with ReLU"),
    pytest.param({"model.kernel_initializer": "he_normal", "model.activation": "selu"},
                 "initializer_fits", PASS, "bad_init", id="He with selu"),
    pytest.param({"model.activation": "linear"}, "linear_layers", WARN, "missing_activation",
                 id="linear layers"),
    pytest.param({"model.activation": "sigmoid", "model.widths": (32,) * 5},
                 "sigmoid_depth", WARN, "vanishing_gradient", id="five layers of sigmoid"),
    # batch norm
    pytest.param({**BATCH, "train.batch_size": 4}, "batch_norm_batch", WARN, "bn_small_batch",
                 id="batch norm of 4"),
    pytest.param({**BATCH, "train.batch_size": 8}, "batch_norm_batch", PASS, "bn_small_batch",
                 id="batch norm of 8"),
    pytest.param({**BATCH, "model.norm_momentum": 0.99, "train.norm_statistics": "moving"},
                 "batch_norm_momentum", WARN, None, id="a momentum too high for an epoch"),
    pytest.param({**DROPPED, "model.dropout_position": "before_norm"},
                 "dropout_before_batch_norm", WARN, "dropout_before_bn", id="dropout before"),
    pytest.param({**DROPPED, "model.dropout_position": "after_norm"},
                 "dropout_before_batch_norm", WARN, "dropout_before_bn",
                 id="dropout after each: before the next"),
    pytest.param({"model.family": "layers", "model.layers": ("Dense", "Dropout", "Dense",
                                                              "BatchNormalization")},
                 "dropout_before_batch_norm", WARN, "dropout_before_bn", id="before, in a list"),
    # regularization
    pytest.param({"model.dropout": 0.8}, "dropout_rate", WARN, "excess_dropout",
                 id="a keep probability"),
    pytest.param({"model.dropout": 0.6}, "dropout_rate", PASS, "excess_dropout",
                 id="more than half dropped"),
    pytest.param({"model.l2": 1e-4}, "coupled_l2", PASS, None, id="L2 under Adam"),
    pytest.param({"model.l2": 1e-4, "train.weight_decay": 0.1}, "two_decays", PASS, None,
                 id="L2 and decay"),
    pytest.param({"model.l2": 0.2, "train.optimizer": "sgd", "train.learning_rate": 0.1},
                 "large_l2", WARN, "excess_regularization", id="an L2 above the loss"),
    pytest.param({**BATCH, "model.max_norm": 3.0}, "max_norm_before_norm", PASS, None,
                 id="max-norm before a norm"),
    pytest.param({"model.noise.input": 1.0}, "input_noise", WARN, "excess_regularization",
                 id="as much noise as signal"),
    pytest.param({"model.noise.input": 0.6}, "input_noise", PASS, "excess_regularization",
                 id="much noise"),
    pytest.param({"train.mixup": 4.0}, "strong_mixup", PASS, "excess_regularization",
                 id="mixed half and half"),
    # sizes, rates and budget
    pytest.param({"model.widths": (64, 3)}, "bottleneck", WARN, "underfitting",
                 id="three units for ten classes"),
    pytest.param({"model.family": "layers", "model.layers": ("Flatten",), "model.dropout": 0.2},
                 "ignored_options", WARN, None, id="dropout that a list does not read"),
    pytest.param({"train.learning_rate": 0.3}, "usual_rate", WARN, "lr_too_high", id="Adam at .3"),
    pytest.param({"train.learning_rate": 1e-6}, "usual_rate", WARN, "lr_too_low",
                 id="Adam at a millionth"),
    pytest.param({"train.optimizer": SGD, "train.learning_rate": 0.2}, "usual_rate", WARN,
                 "lr_too_high", id="momentum makes .2 two"),
    pytest.param({"train.optimizer": "sgd", "train.learning_rate": 1e-5}, "usual_rate", WARN,
                 "lr_too_low", id="SGD at a hundred-thousandth"),
    pytest.param({"train.clipnorm": 1e-3}, "clipping", WARN, "excess_clipping",
                 id="gradients cut to nothing"),
    pytest.param({"train.ema": 0.999}, "averaged_weights", WARN, "undertraining",
                 id="an average that remembers the first weights"),
    pytest.param({"train.epochs": 3}, "budget", WARN, "undertraining", id="96 steps"),
    pytest.param({"train.batch_size": 512, "train.epochs": 100}, "batch_of_all", WARN,
                 "batch_size", id="half of the examples at once"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "check", "verdict", "code"), SICK)
def test_a_senseless_option_is_named_alone(
    changes: dict[str, Any], check: str, verdict: Verdict, code: str | None
) -> None:
    (finding,) = asked(changes)
    assert (finding.check, finding.verdict, finding.code) == (check, verdict, code)
    assert finding.prescription
    assert finding.source
    advice = verdict is PASS
    assert advice == (finding.severity == "advice")


@pytest.mark.parametrize(
    ("changes", "given", "check", "words"),
    [
        pytest.param(BATCH, {"task": Task.REGRESSION, "classes": 0}, "batch_norm_for_regression",
                     "model.norm: none", id="batch norm before a quantity"),
        pytest.param(BATCH, {"examples": 1025}, "batch_norm_last_batch", "train.batch_size: 34",
                     id="one example left over"),
        pytest.param({**BATCH, "train.batch_size": "full", "train.epochs": 100}, {"examples": 6},
                     "batch_norm_batch", "model.norm: none", id="few examples at all"),
    ],
)  # fmt: skip
def test_what_the_data_decide(
    changes: dict[str, Any], given: dict[str, Any], check: str, words: str
) -> None:
    (finding,) = asked(changes, **given)
    assert finding.check == check
    assert words in str(finding.prescription)


def test_every_rule_is_broken_by_some_case() -> None:
    broken = {case.values[1] for case in SICK}
    assert len(broken) + 2 == len(RULES)  # two are decided by the data, above


def test_the_prescribed_batch_leaves_nothing_small_over() -> None:
    for examples in range(20, 400):
        for finding in asked({**BATCH, "train.epochs": 200}, examples=examples):
            if finding.check == "batch_norm_last_batch":
                size = str(finding.prescription).rpartition(" ")[2]
                left = examples % (examples if size == "full" else int(size))
                assert left == 0 or left > 3


def test_warnings_stand_before_advice() -> None:
    changes = {"model.l2": 1e-4, "train.epochs": 1, "model.kernel_initializer": "zeros"}
    assert [finding.verdict for finding in asked(changes)] == [FAIL, WARN, PASS]


def test_the_prescribed_average_is_not_blamed_again() -> None:
    for epochs in (4, 10, 30, 60):
        (finding,) = asked({"train.ema": 0.9999, "train.epochs": epochs})
        prescribed = float(str(finding.prescription).rpartition(" ")[2])
        (sound,) = asked({"train.ema": prescribed, "train.epochs": epochs})
        assert sound.check == "options"
