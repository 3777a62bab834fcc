"""Decisions in the caller's own process; needs `policies` beside the client."""
