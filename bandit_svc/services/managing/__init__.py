"""Create, change, restore and examine experiments, keys and jobs."""
