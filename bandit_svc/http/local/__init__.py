"""Routes for callers that decide in their own process."""
