"""Commands that set up, run and examine the service."""
