"""Programmes at the moment of a decision."""
