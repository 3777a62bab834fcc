"""What is kept of programmes, in SQLite."""
