"""Which names Keras resolves: checked here so that a typo costs 0.3 s and no TensorFlow.

`tests/config/test_names.py` compares each tuple with the installed Keras. What is not in a
list can be given as `{class_name: ..., config: {...}}`, whose arguments Keras checks itself.
"""

ACTIVATIONS = (
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu",
    "hard_swish", "hard_tanh", "leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6",
    "selu", "sigmoid", "silu", "soft_shrink", "softplus", "softsign", "sparse_plus",
    "sparse_sigmoid", "squareplus", "swish", "tanh", "tanh_shrink",
)  # fmt: skip

INITIALIZERS = (
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal",
    "lecun_uniform", "ones", "orthogonal", "random_normal", "random_uniform",
    "truncated_normal", "variance_scaling", "zeros",
)  # fmt: skip

OWN_INITIALIZERS = ("krahenbuhl", "lsuv", "uniform_fan_in")
"""Not Keras's: `recipe/models/blocks.py` and `recipe/training/data_init.py`."""

OPTIMIZERS = (
    "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "ftrl", "lion", "muon",
    "nadam", "rmsprop", "schedulefreeadamw", "sgd",
)  # fmt: skip
