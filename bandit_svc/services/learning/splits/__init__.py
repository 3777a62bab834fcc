"""Learn and compare the branches of a split."""
