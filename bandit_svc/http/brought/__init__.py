"""Requests that bring their own variants."""
