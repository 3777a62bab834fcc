"""Correct rewards that were reported before."""
