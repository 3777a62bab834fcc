"""Bytes to a descriptor."""
