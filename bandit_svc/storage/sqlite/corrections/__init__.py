"""Corrected rewards in SQLite, and what is made anew because of them."""
