"""Contextual bandit experimentation service."""

__version__ = "0.2.0"
