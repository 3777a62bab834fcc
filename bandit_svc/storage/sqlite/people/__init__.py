"""Facts about units, and their states, in SQLite."""
