"""Protocols of what is kept of programmes."""
