"""Read other systems' logs as decisions that an experiment can learn from."""
