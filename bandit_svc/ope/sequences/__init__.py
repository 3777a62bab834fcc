"""Confidence sequences: intervals that hold at every look."""
