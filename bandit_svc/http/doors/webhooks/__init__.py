"""Deliveries of sources of rewards and events, which sign what they send."""
