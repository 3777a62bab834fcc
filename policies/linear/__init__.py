"""Linear regressions over hashed context columns."""
