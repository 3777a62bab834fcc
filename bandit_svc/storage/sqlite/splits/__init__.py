"""Splits in SQLite: their steps, their sums, and the models of their branches."""
