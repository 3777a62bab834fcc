"""How far a stream has been read, in SQLite."""
