"""Joined decisions into the archive, and answers from it."""
