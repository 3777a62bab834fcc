"""Caps and quiet hours, as a decision keeps them."""
