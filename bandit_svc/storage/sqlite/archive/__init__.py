"""What the store knows of its archive."""
