"""Decisions of other systems' logs, as they are kept."""
