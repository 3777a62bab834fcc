"""The difference between two groups of an experiment."""
