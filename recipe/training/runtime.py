"""TensorFlow set up so that the same config gives the same numbers."""

from __future__ import annotations

import tensorflow as tf


def prepare_runtime(threads: int | None) -> None:
    """Make every operation deterministic, and fix the number of CPU threads.

    Another number of threads adds up sums in another order and changes the last bits. It can
    only be set before TensorFlow's first operation; later calls keep what is set.
    """
    tf.config.experimental.enable_op_determinism()
    # every training traces its own epoch, and TensorFlow warns of that as if by mistake
    tf.get_logger().setLevel("ERROR")
    if threads is not None and tf.config.threading.get_intra_op_parallelism_threads() != threads:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError:
            pass
