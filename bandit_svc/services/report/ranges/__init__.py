"""Reports of the decisions that were made in a range of time."""
