"""Sums that estimate a policy's value while the log grows."""
