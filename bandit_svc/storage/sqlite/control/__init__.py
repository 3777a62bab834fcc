"""What all experiments of an embedded store share."""
