"""What is stored of a unit: told, and erased."""
