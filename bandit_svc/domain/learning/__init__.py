"""What is learned from, and what is evaluated."""
