"""What becomes of a reward: what is known at once, and what later."""
