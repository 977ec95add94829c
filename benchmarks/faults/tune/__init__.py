"""The half on which thresholds are set."""
