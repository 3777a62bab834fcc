"""Pages in SQLite: rewards of slots, and the sums of them."""
