"""Experiments as feature flags: what a stopped one shows, what an evaluation keeps."""
