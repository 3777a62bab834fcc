"""Sums by unit of many parts of the decisions: segments, variants."""
