"""Serve the branches of a split."""
