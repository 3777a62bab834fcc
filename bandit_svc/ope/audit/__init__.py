"""Diagnostics of a log: propensities, weights, overlap, stability."""
