"""Decisions that are made in the process of a caller."""
