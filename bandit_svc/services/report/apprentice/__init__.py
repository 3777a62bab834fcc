"""What the report says of an apprentice."""
