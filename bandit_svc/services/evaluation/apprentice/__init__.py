"""Compare the policy with what the caller's own system shows."""
