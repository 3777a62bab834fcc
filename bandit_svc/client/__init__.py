"""What callers install: the standard library only."""
