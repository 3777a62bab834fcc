"""How long an experiment takes: before it has begun, and while it runs."""
