"""Create and change programmes."""
