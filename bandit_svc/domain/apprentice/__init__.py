"""What the caller's own system shows: the mode, the fact that is logged, the bound."""
