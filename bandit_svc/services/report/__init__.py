"""The report of one experiment, and its headline."""
