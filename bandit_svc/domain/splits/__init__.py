"""Policy splits: two policies of one experiment, each for a share of the units."""
