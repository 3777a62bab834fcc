"""Worlds with known answers, and simulated users that visit them."""
