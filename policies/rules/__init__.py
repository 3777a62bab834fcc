"""Policies written as rules over a context."""
