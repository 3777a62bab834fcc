"""Decisions, rewards and the events that record them."""
