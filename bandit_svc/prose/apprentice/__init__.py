"""Words about an apprentice."""
