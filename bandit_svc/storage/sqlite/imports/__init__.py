"""Imported decisions in SQLite."""
