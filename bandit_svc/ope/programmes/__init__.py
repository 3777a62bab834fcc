"""What several experiments earn together, by unit."""
