"""Vowpal Wabbit: the one place that imports it."""
