"""What is kept of splits, for every backend."""
