"""Policies of any kind that begin again: at a change, in turns, or by a schedule."""
