"""Serve what the caller's own system shows."""
