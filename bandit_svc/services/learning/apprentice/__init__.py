"""Learn from what the caller's own system showed."""
