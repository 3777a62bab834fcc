"""Estimate what other policies would have earned, from an experiment's own log."""
