"""What of the joined order is in the archive."""
