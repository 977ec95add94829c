"""Recipe: train Keras models by the book, one gate at a time."""

__version__ = "0.1.0"
