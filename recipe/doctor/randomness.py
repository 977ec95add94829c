"""Nobody's next random number changes because somebody has looked."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
from tensorflow.python.eager import context as eager  # the only place of the global seed


@contextmanager
def kept_randomness() -> Iterator[None]:
    """Nobody's next random number changes: Python's, NumPy's, TensorFlow's and Keras's."""
    python, numpy = random.getstate(), np.random.get_state()
    held = eager.context()
    # both are made with the first seed that anybody sets
    seed, drawn = getattr(held, "_seed", None), getattr(held, "_rng", None)
    drawn_at = drawn.getstate() if drawn is not None else None
    shared = keras.src.backend.common.global_state
    own = shared.get_global_attribute("global_seed_generator")
    state = None if own is None else np.array(own.state.numpy())
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        held._seed, held._rng = seed, drawn
        if drawn is not None:
            drawn.setstate(drawn_at)
        if own is not None:
            own.state.assign(state)
        shared.set_global_attribute("global_seed_generator", own)
