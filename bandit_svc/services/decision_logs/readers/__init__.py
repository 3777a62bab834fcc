"""Read the decision logs of other systems."""
