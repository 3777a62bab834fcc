"""Where facts arrive: an append-only, partitioned log."""
