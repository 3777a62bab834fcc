"""What sources of rewards and events send, and what becomes of it. Pure."""
