"""Bandit policies; they know nothing of the service."""
