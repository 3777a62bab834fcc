"""Limits on the share of the decisions that a variant gets."""
