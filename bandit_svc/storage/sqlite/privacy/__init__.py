"""Pseudonyms and erasure of units in SQLite."""
