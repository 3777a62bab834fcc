"""Doors for others, in SQLite."""
