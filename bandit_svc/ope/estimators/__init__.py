"""Estimates of a policy from a fixed log, with fixed-sample intervals."""
