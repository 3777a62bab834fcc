"""The embedded event log: one append-only segment file per worker."""
