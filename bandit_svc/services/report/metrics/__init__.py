"""Metrics that a report computes from others, and which of all are claimed."""
