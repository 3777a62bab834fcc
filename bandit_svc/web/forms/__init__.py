"""What forms hold, and what was wrong with them."""
