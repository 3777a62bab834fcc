"""Compare two groups by metrics that are computed from sums by unit."""
