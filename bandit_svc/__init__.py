"""Contextual bandit experimentation service."""

__version__ = "0.1.0"
