"""Variants that a request brings itself."""
