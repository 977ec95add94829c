"""Checks: numbers in, a `Finding` out; no input, no output, no training."""
