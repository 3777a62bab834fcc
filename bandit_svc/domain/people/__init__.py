"""What is known of a unit over time: facts, its state, features made of it."""
