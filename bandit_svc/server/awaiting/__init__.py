"""Answers that wait for the stream."""
