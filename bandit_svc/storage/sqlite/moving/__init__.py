"""The embedded store as one that is left, and as one that is moved to."""
