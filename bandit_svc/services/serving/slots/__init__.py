"""Decide for several places of a page at once."""
