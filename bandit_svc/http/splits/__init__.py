"""Routes of policy splits."""
