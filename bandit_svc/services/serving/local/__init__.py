"""Models for callers that decide in their own process, and what they decided."""
