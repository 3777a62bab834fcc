"""Migrations of releases, which are never edited."""
